"""Commands that see every image of a pool hold a stretch of it, and make what they always made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from plada_ref.images import ImagePool, in_stretches, stretches
from plada_ref.pool import open_pool
from plada_ref.pool.disk_pool import DiskPool
from plada_ref.pool.verified import VerifiedImages
from plada_ref.runs.plan import Plan
from plada_ref.runs.transfer import Outcome, transfer
from plada_ref.selection import Selection
from plada_ref.tasks.load import load_task
from plada_ref.training.recipe import recipe

from ..commands.test_format_commands import last_json, plada
from ..unchanged.road import write_images
from .conftest import ALONE, NET

STRETCH = 60
"""Of 200 images."""

KEPT = 20


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[int]]:
    """For how many images at a time a pool was asked; no pool may be in memory."""
    numbers: list[int] = []
    only = DiskPool.only

    def noting(self: DiskPool, positions: npt.ArrayLike) -> VerifiedImages:
        numbers.append(len(np.asarray(positions)))
        return only(self, positions)

    monkeypatch.chdir(tmp_path)
    write_images()
    assert plada("pool", "index", "pool", "-o", "pool.parquet", "--workers", 1).exit_code == 0
    for name in ("STRETCH", "LONG_STRETCH"):
        monkeypatch.setattr(stretches, name, STRETCH)
    for module, size in (("tasks.leakage", "BLOCK"), ("features.backbone", "POOL_CHUNK")):
        monkeypatch.setattr(f"plada_ref.{module}.{size}", 16)
    monkeypatch.setattr("plada_ref.labelling.label.CHUNK", 16)
    monkeypatch.setattr(DiskPool, "only", noting)
    yield numbers
    assert numbers and max(numbers) <= STRETCH, numbers


@pytest.mark.slow
def test_a_transfer_is_that_of_the_pool_in_memory(asked: list[int]) -> None:
    # Herding compares all images by features, which a teacher with another backbone has not left.
    plan = Plan(
        teacher=NET,
        student=NET,
        teach_recipe=recipe("all", steps=5),
        train_recipe=recipe("head"),
        leakage=True,
        selections=(Selection(), Selection(ranking="random"), Selection(ranking="herding")),
        keep_rates=(KEPT / 200,),
    )
    learned, tested = load_task("task", "train"), load_task("task", "test")

    def run(pool: ImagePool, out: str) -> list[Any]:
        found: Outcome = transfer(plan, learned, tested, pool, Path(out), compute=ALONE)
        return [
            *((one.payload_sha256, one.student_sha256, one.accuracy) for one in found.students),
            *(found.leakage, found.pseudo_labels, (Path(out) / "scores.parquet").read_bytes()),
        ]

    stored = run(open_pool("pool.parquet", "pool"), "stored")
    assert len(asked) >= 3 * 4, "leakage, labels and features each see four stretches"
    assert stored == run(open_pool("pool.parquet", "pool", in_memory=True), "held")


@pytest.mark.slow
def test_no_command_asks_for_the_pool_in_memory(
    asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plada_ref.pool.open.MemoryPool", None)
    monkeypatch.setattr("plada_ref.pool.open.Manifest.read", None)
    net = ("--random-backbone", "--model", "plada_convnet_s", "--workers", 0, "--device", "cpu")
    local = ("-m", "pool.parquet", "--pool", "pool")
    task = ("--task", "task", *local)

    def ran(*words: object) -> dict[str, Any]:
        asked.clear()
        result = plada(*words, "--json")
        assert result.exit_code == 0, result.output
        return dict(last_json(result))

    # Positions are looked up in the manifest once they are known.
    leaked = ran("leakage", *task, "--split", "train", "--near", 16)
    assert leaked["matches"] and leaked["pool_size"] == 200
    assert all(match["key"] in _keys() for match in leaked["matches"])
    ran("transfer", *task, *net, "--keep-rate", 0.1, "-o", "run")
    ran(
        *("baselines", *task, *net, "--baseline", "random", "--budget", 70),
        *("--scores", "run/scores.parquet", "-o", "base"),
    )
    ran("pool", "codes", "pool.parquet", "pool", *net, "--columns", 4, "-o", "pool.codes.npy")


def _keys() -> set[str]:
    return {path.relative_to("pool").as_posix() for path in Path("pool").rglob("*.bmp")}


@pytest.mark.parametrize("size", [1, 4, 5, 100])
def test_chunks_are_divided(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any order, each once; a chunk that is larger than a stretch is one of its own."""
    monkeypatch.setattr(stretches, "STRETCH", size)
    chunks = [range(8, 12), range(0, 2), range(2, 8), range(12, 13)]
    given: list[np.ndarray] = []

    class Pool:
        def only(self, positions: np.ndarray) -> None:
            given.append(positions)

    pool: Any = Pool()
    found = [stretch for stretch, _ in in_stretches(pool, chunks)]
    assert [chunk for stretch in found for chunk in stretch] == chunks
    for stretch, positions in zip(found, given, strict=True):
        assert positions.tolist() == sorted(n for chunk in stretch for n in chunk)
        assert len(positions) <= size or len(stretch) == 1
