"""A manifest that stays on disk says what the one in memory says, and finds the same faults."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plada_ref.errors import PipelineError
from plada_ref.pool import (
    Manifest,
    ManifestFile,
    known_ids,
    manifest,
    manifest_file,
    manifest_writer,
)
from plada_ref.pool.manifest_layout import Rows
from plada_ref.pool.manifest_writer import write_manifest
from pladafmt import PoolRef
from pladafmt.errors import Mismatch

from .test_manifest import manifest_of, rewritten


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pools of a few images have many row groups, of several batches each."""
    monkeypatch.setattr(manifest, "ROWS_PER_GROUP", 7)
    monkeypatch.setattr(manifest_writer, "ROWS_PER_GROUP", 7)
    monkeypatch.setattr(manifest_file, "_ROWS_AT_A_TIME", 3)
    monkeypatch.setattr(known_ids, "FEW", 10)
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path / "cache"))


@st.composite
def pools(draw: st.DrawFn) -> tuple[Manifest, list[int]]:
    """A manifest, grown some times or in another order, and some of its positions."""
    names = draw(st.lists(st.text(st.characters(codec="utf-8")), unique=True, max_size=40))
    cuts = sorted(draw(st.sets(st.integers(0, len(names)))) | {len(names)})
    keys = [
        key
        for start, stop in zip([0, *cuts], cuts, strict=False)
        for key in sorted(names[start:stop], key=str.encode)
    ]
    manifest = manifest_of(keys, generations=tuple(cuts))
    if draw(st.booleans()):
        manifest = manifest.arranged(np.random.permutation(len(keys)), "shuffled", made_by={"a": 1})
    positions = draw(st.sets(st.integers(0, len(keys) - 1)) if keys else st.just(set()))
    return manifest, sorted(positions)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(pools())
def test_it_says_what_the_manifest_in_memory_says(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Manifest, list[int]]
) -> None:
    manifest, positions = drawn
    path = tmp_path_factory.getbasetemp() / "stored.parquet"
    manifest.write(path)
    file = pickle.loads(pickle.dumps(ManifestFile(path)))
    assert (len(file), file.pool) == (len(manifest), manifest.pool)
    assert file.metadata.order_made_by == manifest.order_made_by
    for check in (True, False):
        chosen = file.select(np.array(positions, np.uint64), check=check)
        assert chosen.positions.tolist() == positions
        assert chosen.keys.equals(manifest.keys.take(pa.array(positions, pa.int64())))
        assert (chosen.digests == manifest.digests[positions]).all()
        for position in positions:
            assert chosen.key(position) == manifest.key(position)
            assert chosen.digest(position) == manifest.digest(position)
    for position in set(range(-1, len(manifest) + 1)) - set(positions):
        with pytest.raises(IndexError):
            chosen.key(position)
    for size in range(len(manifest) + 1):
        assert file.prefix_id(size) == manifest.prefix_id(size)
        file.serve(PoolRef(manifest.prefix_id(size), size))
    with pytest.raises(Mismatch):
        file.serve(PoolRef(bytes(32), len(manifest)))
    start, stop = (positions[0], positions[-1]) if positions else (0, 0)
    pieces = list(file.rows(start, stop))
    assert [key for rows in pieces for key in rows.keys.to_pylist()] == manifest.keys[
        start:stop
    ].to_pylist()
    assert sum(len(rows.sizes) for rows in pieces) == stop - start


@pytest.mark.parametrize("generations", [(20,), (3, 20), (0, 9, 20), (19, 20)])
@pytest.mark.parametrize("swapped", range(19))
def test_keys_out_of_order_are_found_wherever_they_are(
    tmp_path: Path, generations: tuple[int, ...], swapped: int
) -> None:
    keys = [f"{number:02d}" for number in range(20)]
    keys[swapped : swapped + 2] = keys[swapped : swapped + 2][::-1]
    path = tmp_path / "pool.parquet"
    manifest_of(keys, generations=generations).write(path)
    file = ManifestFile(path)
    if swapped + 1 in generations:  # Two keys of different generations may be in any order.
        assert len(file.select([0]).keys) == 1
        return
    for read in (lambda: file.select([0]), lambda: Manifest.read(path)):
        with pytest.raises(PipelineError, match=f"'{swapped:02d}' comes after '{swapped + 1:02d}"):
            read()
    assert file.select([0], check=False).key(0) == keys[0], "only what is asked for is read"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"generations": b"21"}, "20 rows, but its metadata speaks of pool sizes 21"),
        ({"generations": b"9" * 30}, "unusable metadata"),
        ({"key": [[f"{n:02d}" if n != 11 else None for n in range(20)]]}, "empty cells"),
    ],
)
def test_a_damaged_file(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    path = tmp_path / "pool.parquet"
    manifest_of([f"{number:02d}" for number in range(20)]).write(path)
    with pytest.raises(PipelineError, match=problem):
        ManifestFile(rewritten(path, **change)).select([0])


def test_a_file_that_is_replaced_while_it_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "pool.parquet"
    manifest_of(["a", "b"]).write(path)
    file = ManifestFile(path)
    assert file.select([1]).key(1) == "b"
    manifest_of(["a", "c"]).write(path)
    for use in (lambda: file.select([1]), lambda: file.prefix_id(2)):
        with pytest.raises(PipelineError, match="replaced while it was in use"):
            use()
    os.unlink(path)
    with pytest.raises(PipelineError, match="no manifest at"):
        file.select([1])


def test_a_file_does_not_show_in_which_pieces_it_was_written(tmp_path: Path) -> None:
    manifest = manifest_of([f"{number:02d}" for number in range(30)])
    manifest.write(tmp_path / "whole.parquet")
    metadata = ManifestFile(tmp_path / "whole.parquet").metadata
    for step in (1, 5, 7, 11, 30):
        pieces = [
            Rows(
                manifest.keys.slice(start, step),
                manifest.digests[start : start + step],
                manifest.sizes[start : start + step],
            )
            for start in range(0, 30, step)
        ]
        write_manifest(tmp_path / "pieces.parquet", pieces, metadata)
        written = (tmp_path / "pieces.parquet").read_bytes()
        assert written == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_changed_byte_is_an_error_or_found_by_the_pool_id(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.parquet"
    whole = manifest_of([f"{number:02d}" for number in range(20)])
    whole.write(path)
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    try:
        file = ManifestFile(path)
        chosen = file.select([0, 9, 19])
        file.serve(whole.pool)
        assert file.select([5, 17], check=False).positions.tolist() == [5, 17]
    except (PipelineError, Mismatch):
        return
    assert (chosen.digests == whole.digests[[0, 9, 19]]).all()
