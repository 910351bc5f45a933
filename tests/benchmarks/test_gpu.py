"""The benchmark for a machine with a GPU runs, on the CPU and small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_quick_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--quick", "--json"]
    done = subprocess.run(
        [*command, "--work", str(tmp_path), "--part", "label", "labels", "steps"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert list(result["parts"]) == ["label", "labels", "steps"]
    (lite,) = result["parts"]["label"]["figures"].values()
    assert len(lite["ways"]) == 4
    assert all(rates["share"] > 0 for rates in lite["ways"].values())
    stages = ["read", "verify", "decode", "resize", "decode and resize on the device"]
    assert list(lite["profile"]) == [*stages, "prepare", "model", "score"]
    # Without real photographs nothing is said of labels.
    assert not result["parts"]["labels"]["claims"] and "--task" in done.stdout
    assert set(result["parts"]["steps"]["figures"]["loop"]) == {"off", "flip"}
    assert not list(tmp_path.iterdir())
