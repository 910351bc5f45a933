"""The benchmark counts what it says it counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import own, payload_size, rivals, simulated
from benchmarks.scored_pool import Kept, ScoredPool


@pytest.fixture(scope="module")
def pool() -> ScoredPool:
    """20,000 images in 400 synsets."""
    return simulated.simulate(simulated.SETTINGS[1], images=np.full(400, 50))


def test_the_simulated_pool_is_the_size_of_the_real_one() -> None:
    counts = simulated.images_per_synset()
    assert (counts.size, int(counts.sum())) == (21_841, 14_197_114)


def test_ours_are_smaller_on_clustered_images_and_every_form_is_read_back(pool: ScoredPool) -> None:
    notes: list[str] = []
    row = payload_size.measure(pool.keep(0.05), pool="p", rate=0.05, skip=["zpaq"], notes=notes)
    assert row.kept == 1000
    assert row.sizes[own.DENSE] < row.sizes["plada"] < row.yardstick
    for name in own.FORMS:
        assert sum(row.parts[name].values()) == row.sizes[name] + row.container[name]


def test_rivals_on_a_selection_that_can_be_counted_by_hand() -> None:
    kept = Kept(np.array([0, 1, 300]), np.array([1, 0, 1], np.uint16), pool_size=800, classes=2)
    assert rivals.paper_bitmap_compact(kept) == 100 + 3
    assert rivals.paper_index_compact(kept) == 3 * 2 + 3  # 298 needs two bytes.
    assert rivals.paper_bitmap_raw(kept) == 101  # 800 + 3 bits.
    everything = Kept(np.arange(8), np.zeros(8, np.uint16), pool_size=8, classes=2)
    assert rivals.paper_index_compact(everything) == 8, "labels alone when every image is kept"


def test_orders_are_compared_with_each_other(
    pool: ScoredPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = tmp_path / "task.npz"
    np.savez(scores, labels=pool.labels, energy=pool.energy, classes=pool.classes)
    skip = ["zpaq", "roaring", "brotli", "lzma", "huffman"]
    payload_size.main(["--scores", str(scores), "--rates", "0.05", "--json", "--skip", *skip])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    across = result["across_orders"]
    assert (
        across["task: dense, key order / random order"]
        < across["task: dense, random order / random order"]
    ), "a random order costs bytes"
