"""The entry for file(1) in the specification's appendix D, by file(1) itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from plada_conformance.vectors_on_disk import ROOT

SPEC = Path(__file__).parents[2] / "spec" / "plada-1.md"


@pytest.mark.skipif(shutil.which("file") is None, reason="file(1) is not installed")
def test_file_knows_a_payload(tmp_path: Path) -> None:
    entry = SPEC.read_text("utf-8").split("```magic\n")[1].split("```")[0]
    magic = tmp_path / "magic"
    magic.write_text(entry, "utf-8")
    example = ROOT / "valid/container/worked_example.plada"
    for options, wanted in (
        (["--brief"], "PLADA pseudo-label payload, version 1"),
        (["--brief", "--mime-type"], "application/vnd.plada"),
    ):
        command = ["file", *options, "--magic-file", str(magic), str(example)]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        assert found.stdout.strip() == wanted
