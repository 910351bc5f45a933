"""Small files that would cost gigabytes are refused before the work; see also Parquet shards."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plada_ref.errors import PipelineError
from plada_ref.parquet.footer import read_groups
from plada_ref.parquet.pages import BATCH, page_at, rows_at_a_time
from plada_ref.pool import Manifest, ManifestFile, manifest_file, open_source
from plada_ref.pool.manifest_layout import SCHEMA


def _write(path: Path, tables: list[pa.Table], generations: int, **more: Any) -> Path:
    with pq.ParquetWriter(
        path, SCHEMA, compression="zstd", use_dictionary=False, store_schema=False, **more
    ) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=len(table))
        writer.add_key_value_metadata(
            {
                "plada.manifest": "1",
                "plada.pool_id": "00" * 32,
                "plada.order": "other",
                "plada.generations": str(generations),
            }
        )
    return path


def _table(keys: list[str]) -> pa.Table:
    digests = pa.array([bytes(32)] * len(keys), pa.binary(32))
    sizes = pa.array(np.zeros(len(keys), np.uint64))
    return pa.table({"key": pa.array(keys), "sha256": digests, "size": sizes}, schema=SCHEMA)


@pytest.mark.slow
def test_a_manifest_whose_keys_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes in delta encoding, of which 16,384 rows are 8 GB."""
    table = _table(["k" * 500_000 + f"{row:06d}" for row in range(600)])
    path = _write(
        tmp_path / "pool.parquet", [table], 600, column_encoding={"key": "DELTA_BYTE_ARRAY"}
    )
    assert path.stat().st_size < 50_000
    batches: list[int] = []
    joined = manifest_file._joined

    def watched(stream: Any) -> Any:
        def each() -> Any:
            for batch in stream:
                batches.append(batch.nbytes)
                yield batch

        return joined(each())

    monkeypatch.setattr(manifest_file, "_joined", watched)
    with pytest.raises(PipelineError, match=r"rows of [\d,]+ bytes and more.*expansion"):
        Manifest.read(path)
    assert sum(batches) < 2 * BATCH


def test_a_manifest_of_many_rows(tmp_path: Path) -> None:
    table = _table([""] * 1_000_000)
    path = _write(tmp_path / "pool.parquet", [table] * 10, 10_000_000)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(PipelineError, match=r"rows of 320,000,000 bytes and more.*expansion"):
        ManifestFile(path)


def test_a_manifest_of_one_image_many_times(tmp_path: Path) -> None:
    """Fewer rows than that are no harm, and a pool may hold an image twice."""
    path = _write(
        tmp_path / "pool.parquet", [_table([f"{row}.png" for row in range(99_999)])], 99_999
    )
    assert len(Manifest.read(path)) == 99_999


def test_rows_at_a_time_follow_the_pages(tmp_path: Path) -> None:
    plain = _write(tmp_path / "a.parquet", [_table(["a.png", "b.png"])], 2)
    with open(plain, "rb") as file:
        (group,) = read_groups(file, plain.stat().st_size)
        assert rows_at_a_time(file, group, ["key"], 1000) == 1000
    long = _table(["k" * 4_000_000 + str(row) for row in range(3)])
    delta = {"column_encoding": {"key": "DELTA_BYTE_ARRAY"}}
    path = _write(tmp_path / "b.parquet", [long], 3, **delta)
    with open(path, "rb") as file:
        (group,) = read_groups(file, path.stat().st_size)
        (chunk,) = group.of(["key"])
        page = page_at(file, chunk.start)
        assert (page.values, page.repeats) == (3, True) and 4_000_000 < page.size < 4_001_000
        assert rows_at_a_time(file, group, ["key"], 1000) == BATCH // page.size
        with pytest.raises(pa.ArrowInvalid, match="damaged header"):
            page_at(file, 10**9)


@pytest.mark.slow
def test_a_zip_file_that_grows(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "pool.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.png", "w") as image,
    ):
        for _ in range(300):
            image.write(bytes(1_000_000))
    assert (tmp_path / "pool.zip").stat().st_size < 400_000
    source = open_source([f"zip://::{tmp_path}/pool.zip"])
    for read in (lambda: list(source.scan()), lambda: source.read("a.png")):
        with pytest.raises(PipelineError, match=r"'a\.png' in .* has 300,000,000 bytes"):
            read()


def test_a_large_image(tmp_path: Path, make_tar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder, where the file is sparse and takes no room, and in a tar shard."""
    (tmp_path / "images").mkdir()
    with open(tmp_path / "images/a.png", "wb") as file:
        file.truncate(100_000_000_000)
    source = open_source([str(tmp_path / "images")])
    for read in (lambda: list(source.scan()), lambda: source.read("a.png")):
        with pytest.raises(PipelineError, match="100,000,000,000 bytes, and the limit is 268"):
            read()
    source = open_source([str(make_tar(tmp_path / "a.tar", {"b.png": bytes(1000)}))])
    monkeypatch.setenv("PLADA_LIMITS", "image=999")
    for read in (lambda: list(source.scan()), lambda: source.read("b.png")):
        with pytest.raises(PipelineError, match=r"'b\.png' in .*a\.tar' has 1,000 bytes"):
            read()
    monkeypatch.setenv("PLADA_LIMITS", "image=1000")
    assert source.read("b.png") == bytes(1000)
