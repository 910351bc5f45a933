"""Manifests survive the disk, and nothing else passes for one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plada_ref.errors import PipelineError
from plada_ref.pool import Manifest


def manifest_of(keys: list[str], **more: Any) -> Manifest:
    digests = b"".join(hashlib.sha256(key.encode()).digest() for key in keys)
    return Manifest.of_images(
        pa.array(keys, pa.large_string()),
        np.frombuffer(digests, np.uint8).reshape(-1, 32),
        np.array([len(key) for key in keys], np.uint64),
        **more,
    )


@settings(deadline=None, max_examples=40)
@given(st.sets(st.text(st.characters(codec="utf-8"), min_size=1)), st.randoms())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, names: set[str], random: Any) -> None:
    keys = sorted(names, key=str.encode)
    grown = manifest_of(keys)
    shuffled = list(range(len(keys)))
    random.shuffle(shuffled)
    path = tmp_path_factory.getbasetemp() / "pool.parquet"
    for manifest in (grown, grown.arranged(np.array(shuffled, np.int64), "shuffled")):
        manifest.write(path)
        again = Manifest.read(path)
        assert again.keys.equals(manifest.keys)
        assert (again.digests == manifest.digests).all()
        assert (again.sizes == manifest.sizes).all()
        assert again.pool == manifest.pool
        assert (again.order, again.generations) == (manifest.order, manifest.generations)
        assert again.sizes.dtype == np.uint64
        assert again.prefix_id(len(keys)) == manifest.pool.id
        again.check()
        assert [again.key(n) for n in range(len(keys))] == manifest.keys.to_pylist()


def rewritten(path: Path, **change: Any) -> Path:
    """The manifest at `path` with other columns or metadata, written by a foreign program."""
    with pq.ParquetFile(path) as file:
        metadata, table = dict(file.metadata.metadata), file.read()
    for name, value in change.items():
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, value)
        elif value is None:
            del metadata[f"plada.{name}".encode()]
        else:
            metadata[f"plada.{name}".encode()] = value
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"manifest": None}, "not a pool manifest"),
        ({"manifest": b"2"}, "layout version b'2'"),
        ({"pool_id": b"00ff"}, "32 bytes, not 2"),
        ({"pool_id": b"no hex"}, "unusable metadata"),
        ({"order": b"\xff"}, "unusable metadata"),
        ({"generations": b"2"}, "3 rows, but its metadata speaks of pool sizes 2"),
        ({"generations": b"3,3"}, "pool sizes 3, 3"),
        ({"generations": None}, "unusable metadata"),
        ({"size": [[1, 2, 3]]}, "size .int64."),
        ({"sha256": [[b"x" * 32] * 3]}, r"sha256 .binary."),
        ({"key": [["a", "c", "b"]]}, "'b' comes after 'c'"),
        ({"key": [["a", "a", "b"]]}, "'a' comes after 'a'"),
        ({"key": [["a", None, "b"]]}, "empty cells"),
    ],
)
def test_damaged_manifests(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    path = tmp_path / "pool.parquet"
    manifest_of(["a", "b", "c"]).write(path)
    assert Manifest.read(rewritten(path)).pool == manifest_of(["a", "b", "c"]).pool
    with pytest.raises(PipelineError, match=problem):
        Manifest.read(rewritten(path, **change))


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "pool.parquet"
    with pytest.raises(PipelineError, match="no manifest at"):
        Manifest.read(path)
    manifest_of([f"{n:05d}" for n in range(2000)]).write(path)
    data = path.read_bytes()
    for damaged in (b"", b"PAR1", data[:-1], data[: len(data) // 2], b"\x00" * 5000):
        path.write_bytes(damaged)
        with pytest.raises(PipelineError, match="not a readable Parquet"):
            Manifest.read(path)
    with pytest.raises(PipelineError, match="not a readable Parquet"):
        Manifest.read(tmp_path)


@settings(deadline=None)
@given(st.data())
def test_a_flipped_bit_is_an_error_or_found_by_check(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.parquet"
    whole = manifest_of(["a", "b", "c"])
    whole.write(path)
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)
    try:
        read = Manifest.read(path)
        read.check()
    except PipelineError:
        return
    assert (read.digests == whole.digests).all()


def test_an_edited_digest_is_found(tmp_path: Path) -> None:
    path = tmp_path / "pool.parquet"
    manifest_of(["a", "b"]).write(path)
    rewritten(path, sha256=pa.chunked_array([pa.array([b"x" * 32, b"y" * 32], pa.binary(32))]))
    with pytest.raises(PipelineError, match="states pool id"):
        Manifest.read(path).check()
