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

TRAINED = ("teacher, slow", "teacher, all", "score table", "student, slow", "student, all")
"""What trains a whole network, and the scores of one: how the library that convolves divides its
sums depends on the processor, whatever the environment says."""

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


def _processor() -> str:
    """The vendor; of others than Intel, whose processors have agreed so far, the model too."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    facts = {key.strip(): value.strip() for key, _, value in (one.partition(":") for one in lines)}
    vendor = facts.get("vendor_id", "")
    model = (facts.get("cpu family", ""), facts.get("model", ""))
    return vendor if vendor == "GenuineIntel" else " ".join((vendor, *model))


@pytest.mark.slow
def test_every_file_is_the_one_that_it_was(tmp_path: Path) -> None:
    recorded = json.loads(RECORDED.read_bytes())
    if platform.machine() != "x86_64" or recorded["versions"] != _versions():
        pytest.skip("the digests were recorded on x86-64 with other versions of the libraries")
    found = _digests(tmp_path)
    trained = {name: found.pop(name) for name in TRAINED}
    assert found == recorded["digests"]
    if _processor() not in recorded["trained"]:
        pytest.skip(
            f"all but trained networks were compared: none were recorded on a {_processor()}"
        )
    assert trained == recorded["trained"][_processor()]


def test_every_flag_is_the_one_that_it_was() -> None:
    assert flags() == json.loads(FLAGS.read_bytes())


def _record(digests: bool) -> None:
    FLAGS.write_text(json.dumps(flags(), indent=1) + "\n")
    if not digests:
        return
    with tempfile.TemporaryDirectory() as folder:
        made = _digests(Path(folder))
    trained = {name: made.pop(name) for name in TRAINED}
    before: dict[str, Any] = json.loads(RECORDED.read_bytes())["trained"]
    # What other processors gave holds as long as this one gives what it gave.
    kept = before if before.get(_processor()) == trained else {}
    about: dict[str, Any] = {
        "versions": _versions(),
        "digests": made,
        "trained": kept | {_processor(): trained},
    }
    RECORDED.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    _record(digests=sys.argv[1:] != ["flags"])
