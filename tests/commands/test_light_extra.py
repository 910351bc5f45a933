"""The extra `pool` is enough for pools and payloads: no machine learning is imported."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plada_ref.labelling.scores import ScoreTable
from plada_ref.order import Permutation
from plada_ref.pool import Manifest, index_pool, open_source
from pladafmt import Payload, dump

ROOT = Path(__file__).parents[2]

WITHOUT = """
import json, sys

blocked = json.loads(sys.argv.pop(1))


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
from plada_ref.cli import main

main()
"""


def _modules_of_other_extras() -> list[str]:
    """What can be imported of the distributions that neither the software nor `pool` asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]

    def named(lines: list[str]) -> set[str]:
        return {line.partition(">=")[0].lower() for line in lines}

    light = named(project["dependencies"]) | named(extras["pool"])
    other = {name for lines in extras.values() for name in named(lines)} - light
    # What these ask for themselves, and we import by name.
    other |= {"scipy", "threadpoolctl", "huggingface-hub", "joblib"}
    found = importlib.metadata.packages_distributions().items()
    return sorted(module for module, owners in found if {owner.lower() for owner in owners} & other)


@pytest.mark.slow
def test_pools_and_payloads_without_machine_learning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = _modules_of_other_extras()
    assert {"torch", "timm", "sklearn", "scipy", "safetensors", "matplotlib"} <= set(blocked)
    assert not {"numpy", "pyarrow", "PIL", "fsspec", "typer", "rich", "zstandard"} & set(blocked)
    monkeypatch.chdir(tmp_path)
    for number in range(30):
        folder = Path("pool") / str(number % 3)
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (number * 8, 0, 9)).save(folder / f"{number}.png")
    index_pool(open_source(["pool"]), "old.parquet")
    manifest = Manifest.read("old.parquet")
    numbers = np.random.default_rng(0).random((4, 30)).astype(np.float32)
    labels = (np.arange(30) % 2).astype(np.uint16)
    ScoreTable(manifest.pool, ("a", "b"), "", labels, *numbers).write("scores.parquet")
    dump(Payload(manifest.pool, ["a", "b"], [1, 2, 3], [0, 1, 0]), "task.plada")
    bins = (np.arange(30) % 4).astype(np.uint16)
    Permutation.of_bins(manifest, bins, order="semantic", made_by={}).write("order.plada")

    def plada(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", WITHOUT, json.dumps(blocked), *line.split()],
            capture_output=True,
            text=True,
        )

    for line in (
        "pool index pool -o pool.parquet",
        "pool verify pool.parquet pool",
        "pool verify pool.parquet pool --sample 5",
        "pool order pool.parquet --apply order.plada -o ordered.parquet",
        "decode task.plada --manifest pool.parquet -o task.csv",
        "prune scores.parquet --count 9 --safety-net -o selection.parquet",
        "encode selection.parquet -o made.plada",
    ):
        ran = plada(line)
        assert ran.returncode == 0, f"{line}: {ran.stderr}"
    assert Path("pool.parquet").read_bytes() == Path("old.parquet").read_bytes()
    ran = plada("train task.plada -m pool.parquet --pool pool --model resnet18 -o student")
    assert ran.returncode == 2
    assert "needs the Python package torch, which is not installed" in ran.stderr
    assert 'run: pip install "pladafmt[ref]"' in ran.stderr
    blocked.append("pyarrow")
    for line in ("pool index pool -o x", "decode task.plada --manifest pool.parquet"):
        ran = plada(line)
        assert ran.returncode == 2 and 'pip install "pladafmt[pool]"' in ran.stderr
