"""What users have made and typed stays as it is: digests of every kind of file, and all flags.

``recorded.json`` and ``flags.json`` were written before the pipeline was divided into rooms. A
change of either is a change for users: it belongs into CHANGELOG.md, and the record is made again
with ``python -m tests.unchanged.test_unchanged`` (flags alone: ``... flags``).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from .flags import flags
from .road import PLAIN

HERE = Path(__file__).parent
RECORDED = HERE / "recorded.json"
FLAGS = HERE / "flags.json"
LIBRARIES = ("torch", "timm", "numpy", "scikit-learn", "scipy", "pyarrow", "pillow", "zstandard")
"""What the bytes depend on beside our own code."""


def _digests(folder: Path) -> dict[str, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unchanged.road", str(folder)],
        env=os.environ | PLAIN,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in LIBRARIES}


@pytest.mark.slow
def test_every_file_is_the_one_that_it_was(tmp_path: Path) -> None:
    recorded = json.loads(RECORDED.read_bytes())
    if platform.machine() != "x86_64" or recorded["versions"] != _versions():
        pytest.skip("the digests were recorded on x86-64 with other versions of the libraries")
    found = _digests(tmp_path)
    assert found == recorded["digests"]


def test_every_flag_is_the_one_that_it_was() -> None:
    assert flags() == json.loads(FLAGS.read_bytes())


def _record(digests: bool) -> None:
    FLAGS.write_text(json.dumps(flags(), indent=1) + "\n")
    if not digests:
        return
    with tempfile.TemporaryDirectory() as folder:
        about: dict[str, Any] = {"versions": _versions(), "digests": _digests(Path(folder))}
    RECORDED.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    _record(digests=sys.argv[1:] != ["flags"])
