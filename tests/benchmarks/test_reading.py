"""The files at the limits are what they say, and the table has a row for each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from plada_conformance import plain_decoder

from benchmarks.reading import files, readers
from pladafmt import Limits, validate
from pladafmt.limits import MAX_CLASSES

ROOT = Path(__file__).parents[2]
SHARE = 1 / 4096


@pytest.mark.parametrize("name", files.FILES)
def test_each_file_is_valid_for_both_decoders_and_fills_its_share(name: str) -> None:
    data = files.FILES[name](share=SHARE)
    report = validate(data)
    assert report.ok, report.problem
    assert plain_decoder.decode(data, limits=plain_decoder.Limits()).content_id == bytes.fromhex(
        report.facts["content_id"]
    )
    limits = Limits()
    if "blocks" in name:
        assert report.facts["blocks"] == limits.blocks * SHARE
    if "256" in name or "2^24" in name:
        assert report.facts["kept"] == limits.kept * SHARE
    if "64 MiB" in name:
        assert limits.stream * SHARE - 16 <= _largest(data) <= limits.stream * SHARE
        assert len(data) < 1000
    if "class map" in name:
        assert report.facts["classes"] == MAX_CLASSES * SHARE


def _largest(data: bytes) -> int:
    notes = [part.note for part in validate(data).parts if part.name == "HEAD.max_stream"]
    return int(notes[0].removesuffix(" bytes"))


@pytest.mark.slow
def test_quick_run() -> None:
    command = [sys.executable, "-m", "benchmarks.reading", "--quick", "--only", "blocks of 1 image"]
    done = subprocess.run(
        [*command, "--skip", "JavaScript", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    row, *reasons, last = done.stdout.splitlines()
    assert row.startswith("| 65,536 blocks of 1 image | 0.00 MB | ")
    result = json.loads(last)
    taken = result["files"]["65,536 blocks of 1 image"]
    measured = set(taken) - {"bytes"}
    assert measured | set(result["left_out"]) | {"JavaScript"} >= {
        "ours, numba",
        "ours, plain",
        "C",
    }
    assert all(taken[name]["processor"] > 0 and taken[name]["peak"] > 1e6 for name in measured)
    assert len(reasons) == len(result["left_out"])


def test_a_reader_that_cannot_be_run_is_left_out_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(readers.LeftOut, match="node is not installed"):
        readers.find_javascript()
    with pytest.raises(readers.LeftOut, match="C compiler is not installed"):
        readers.build_c(tmp_path)
    with pytest.raises(readers.LeftOut, match="ended with status 3"):
        readers.by_program([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
