"""A pool id is computed once on a machine, and never taken for that of other digests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from plada_ref.pool import known_ids
from pladafmt.merkle import TreeHasher


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """Sizes of the pools whose tree hash was computed."""
    sizes: list[int] = []

    class Spy(TreeHasher):
        def root(self) -> bytes:
            sizes.append(self.size)
            return super().root()

    monkeypatch.setattr(known_ids, "TreeHasher", Spy)
    monkeypatch.setattr(known_ids, "FEW", 10)
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path))
    return sizes


def _root(digests: np.ndarray) -> bytes:
    hasher = TreeHasher()
    for row in digests:
        hasher.append(bytes(row))
    return hasher.root()


def test_an_id_is_computed_once_for_the_same_digests(computed: list[int], tmp_path: Path) -> None:
    digests = np.random.default_rng(0).integers(0, 256, (50, 32), dtype=np.uint8)
    for _ in range(3):
        assert known_ids.pool_id(digests) == _root(digests)
        assert known_ids.pool_id(digests[:20]) == _root(digests[:20])
    assert computed == [50, 20]
    digests[49, 31] ^= 1
    assert known_ids.pool_id(digests) == _root(digests)
    assert computed == [50, 20, 50], "another digest is another pool"
    known_ids.pool_id(digests[:9])
    assert len(list((tmp_path / "pool-ids").iterdir())) == 3, "few images are not worth an entry"


@pytest.mark.parametrize("damage", [b"", b"x" * 64, None])
def test_a_damaged_entry_is_computed_again(
    damage: bytes | None, computed: list[int], tmp_path: Path
) -> None:
    digests = np.random.default_rng(1).integers(0, 256, (50, 32), dtype=np.uint8)
    root = known_ids.pool_id(digests)
    (entry,) = (tmp_path / "pool-ids").iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(bytes([whole[0] ^ 1]) + whole[1:] if damage is None else damage)
    assert known_ids.pool_id(digests) == root
    assert computed == [50, 50]
    assert entry.read_bytes() == whole


def test_leaves_are_read_twice_only_where_an_id_may_be_known(computed: list[int]) -> None:
    draw = np.random.default_rng(2)
    first, second = (draw.integers(0, 256, (50, 32), dtype=np.uint8) for _ in range(2))
    read: list[int] = []

    def pieces(digests: np.ndarray, number: int) -> Iterator[np.ndarray]:
        read.append(number)
        yield digests[:20]
        yield digests[20:]

    for digests, number in ((first, 1), (second, 2), (first, 3), (second, 4)):
        found = known_ids.pool_id_of(partial(pieces, digests, number), 50)
        assert found == _root(digests)
    assert read == [1, 2, 2, 3, 4] and computed == [50, 50]
