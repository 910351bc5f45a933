"""Read Parquet shards in the Hugging Face layout: a struct column of image bytes and path.

Reading one image means reading its row group, so for training, tar shards are the better store.
"""

from __future__ import annotations

import functools
import os
import posixpath
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import PipelineError
from .keys import KEY_RULES, shard_key
from .location import filesystem, fingerprint
from .shard import Entry, Shard

_BATCH_ROWS = 64


class ParquetShards:
    """Images in the rows of Parquet files."""

    def __init__(self, urls: list[str]) -> None:
        self.urls = urls
        self._rows: dict[str, tuple[int, int]] | None = None

    def shards(self) -> Iterator[Shard]:
        """Yield a shard for each file."""
        for url in self.urls:
            yield _shard(url)

    def prepare(self) -> None:
        """Read the paths of all shards."""
        if self._rows is None:
            self._rows = self._locate(None)

    def only(self, keys: pa.LargeStringArray) -> ParquetShards:
        """Return the same shards with the rows of these keys only."""
        narrowed = ParquetShards(self.urls)
        narrowed._rows = self._locate(set(keys.to_pylist()))
        return narrowed

    def _locate(self, wanted: set[str] | None) -> dict[str, tuple[int, int]]:
        """Find shard number and row of the wanted keys, or of all.

        Raises:
            PipelineError: if a shard is damaged, or one of these keys is stored twice.
        """
        rows: dict[str, tuple[int, int]] = {}
        for number, url in enumerate(self.urls):
            for row, key in enumerate(_keys(url)):
                if wanted is not None and key not in wanted:
                    continue
                if key in rows:
                    other = self.urls[rows[key][0]]
                    raise PipelineError(
                        f"The key {key!r} is stored in {other!r} and in {url!r}; a key names one "
                        "image of a pool, so leave one of them out or rename it."
                    )
                rows[key] = (number, row)
        return rows

    def read(self, key: str) -> bytes:
        """Read the stored bytes of one image."""
        self.prepare()
        assert self._rows is not None
        number, row = self._rows[key]
        url = self.urls[number]
        with _opened(url) as (file, _column):
            group = 0
            while row >= file.metadata.row_group(group).num_rows:
                row -= file.metadata.row_group(group).num_rows
                group += 1
        data: bytes | None = _row_group(url, group, os.getpid())[row].as_py()
        if data is None:
            raise KeyError(key)
        return data

    def __contains__(self, key: object) -> bool:
        self.prepare()
        assert self._rows is not None
        return key in self._rows


@functools.lru_cache(maxsize=2)
def _row_group(url: str, group: int, _pid: int) -> Any:
    """Read the image bytes of a row group; cached, since neighbours are often read together."""
    with _opened(url) as (file, column):
        images = file.read_row_group(group, columns=[f"{column}.bytes"]).column(column)
        return images.combine_chunks().field("bytes")


def _shard(url: str) -> Shard:
    fs, path = filesystem(url)
    info = fs.info(path)
    state = fingerprint(KEY_RULES, sorted(info.items(), key=str))
    return Shard(url, state, int(info["size"]), functools.partial(_entries, url))


def _entries(url: str, skipped: Counter[str]) -> Iterator[Entry]:
    keys = _keys(url)
    with _opened(url) as (file, column):
        for batch in file.iter_batches(_BATCH_ROWS, columns=[f"{column}.bytes"]):
            for data in batch.column(column).field("bytes"):
                key = next(keys)
                if data.is_valid:
                    yield key, data.as_py()
                else:
                    skipped["no-bytes"] += 1


def _keys(url: str) -> Iterator[str]:
    """Yield the key of every row: its path, or without one the shard's name and the row number."""
    stem = posixpath.splitext(posixpath.basename(filesystem(url)[1]))[0]
    row = 0
    with _opened(url) as (file, column):
        for batch in file.iter_batches(columns=[f"{column}.path"]):
            for path in batch.column(column).field("path").to_pylist():
                yield shard_key(path or "") or f"{stem}/{row:09d}"
                row += 1


@contextmanager
def _opened(url: str) -> Iterator[tuple[Any, str]]:
    """Open a file; yields it and the name of its image column."""
    fs, path = filesystem(url)
    try:
        with fs.open(path, "rb") as stream, pq.ParquetFile(stream) as file:
            yield file, _image_column(file.schema_arrow, url)
    except pa.ArrowException as exc:
        raise PipelineError(
            f"The shard {url!r} is not a readable Parquet file ({exc}); fetch it again."
        ) from exc


def _image_column(schema: pa.Schema, url: str) -> str:
    for column in schema:
        if pa.types.is_struct(column.type):
            names = {column.type.field(i).name for i in range(column.type.num_fields)}
            if {"bytes", "path"} <= names:
                return str(column.name)
    raise PipelineError(
        f"The shard {url!r} has no image column: a struct of bytes and path, as Hugging Face "
        f"datasets store images. Its columns are {', '.join(schema.names)}."
    )
