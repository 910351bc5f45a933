"""Read Parquet shards in the Hugging Face layout: a struct column of image bytes and path.

The key of a row is its path. Without a path, or where the shard is named with ``#rows`` behind it,
it is the shard's name and the row's number, ``train-00000-of-00004/000000017``. So it should be
where paths are base names, as `datasets` leaves them, and two images have the same one.

Reading one image means decoding what lies before it in its row group, so for training, tar shards
are the better store.
"""

from __future__ import annotations

import functools
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import PipelineError, one_line
from ..limits import check_image, limits, raised, refuse
from ..parquet.footer import Group, read_groups
from ..parquet.pages import PageGuard, counted, rows_at_a_time
from ..storage.location import filesystem, fingerprint, state_of
from ..storage.ranges import opened
from .keys import KEY_RULES, shard_key
from .reasons import BASE_NAMES, ONLY_BASE_NAMES, UNUSABLE_PATHS
from .shard import Entry, Remarks, Shard

_BATCH_ROWS = 64
_PATHS_AT_A_TIME = 1 << 16

_KEPT = 64_000_000
"""Image bytes of a row group that are kept in memory, since neighbours are often read together."""

_BUFFER = 1 << 20
"""Bytes read at a time from large row groups, of which Arrow otherwise holds a column whole."""

_LARGE = 64_000_000

_CHOICE = re.compile(r"(.*\.parquet)#([^#/]+)", re.IGNORECASE | re.DOTALL)
_ROWS = "rows"


def without_choice(spec: str) -> tuple[str, str]:
    """Divide a source such as ``a.parquet#image`` into the path and what is chosen in it, or ""."""
    found = _CHOICE.fullmatch(spec)
    return (spec, "") if found is None or os.path.lexists(spec) else (found[1], found[2])


class ParquetShards:
    """Images in the rows of Parquet files.

    Args:
        urls: the files; ``#NAME`` behind one says which image column is meant, and ``#rows`` that
            keys are made of the numbers of rows.
    """

    def __init__(self, urls: list[str]) -> None:
        self.urls = urls
        self._rows: dict[str, tuple[int, int]] | None = None
        # Lowest and highest key of the shards seen so far; None for one without rows.
        self._ranges: dict[int, tuple[str, str] | None] = {}

    def shards(self) -> Iterator[Shard]:
        """Yield a shard for each file."""
        for url in self.urls:
            yield _shard(url)

    def prepare(self) -> None:
        """Read the paths of all shards."""
        if self._rows is None:
            self._locate(None)

    def only(self, keys: pa.LargeStringArray) -> ParquetShards:
        """Return the same shards with the rows of these keys only."""
        narrowed = ParquetShards(self.urls)
        narrowed._ranges = self._ranges
        narrowed._locate(set(keys.to_pylist()))
        return narrowed

    def _locate(self, wanted: set[str] | None) -> None:
        """Find shard number and row of the wanted keys, or of all.

        A key of shard and row is found as well as one of the path: who reads a pool need not know
        which of the two the publisher has chosen.

        Raises:
            PipelineError: if a shard is damaged, or one of these keys is stored twice.
        """
        rows: dict[str, tuple[int, int]] = {}
        if wanted is not None and not wanted:
            self._rows = rows
            return
        bounds = None if wanted is None else (min(wanted), max(wanted))
        stems = {key.rpartition("/")[0] for key in wanted or ()}
        for number, url in enumerate(self.urls):
            stem = _stem(url)
            numbered = stem in stems
            if bounds is not None and not numbered and number in self._ranges:
                known = self._ranges[number]
                if known is None or known[1] < bounds[0] or bounds[1] < known[0]:
                    continue
            lowest, highest = None, ""
            for row, key in enumerate(_keys(url)):
                if lowest is None or key < lowest:
                    lowest = key
                highest = max(highest, key)
                if numbered and wanted is not None and (name := f"{stem}/{row:09d}") in wanted:
                    key = name
                if wanted is not None and key not in wanted:
                    continue
                if key in rows:
                    raise _stored_twice(key, self.urls[rows[key][0]], url)
                rows[key] = number, row
            self._ranges[number] = None if lowest is None else (lowest, highest)
        self._rows = rows

    def place(self, key: str) -> tuple[int, int]:
        """Return a shard and a row in it: what a row group holds is decoded together."""
        self.prepare()
        assert self._rows is not None
        return self._rows.get(key, (0, 0))

    def read(self, key: str) -> bytes:
        """Read the stored bytes of one image."""
        self.prepare()
        assert self._rows is not None
        number, row = self._rows[key]
        url = self.urls[number]
        with _opened(url) as shard:
            group = shard.group_of(row)
        data = _group(url, group.number, os.getpid()).read(row - group.first)
        if data is None:
            raise KeyError(key)
        check_image(key, len(data), url)
        return data

    def where(self, key: str) -> str:
        """Return the shard that holds an image of it."""
        self.prepare()
        assert self._rows is not None
        return self.urls[self._rows[key][0]]

    def __contains__(self, key: object) -> bool:
        self.prepare()
        assert self._rows is not None
        return key in self._rows


def _stored_twice(key: str, one: str, other: str) -> PipelineError:
    where = f"twice in {one!r}" if one == other else f"in {one!r} and in {other!r}"
    return PipelineError(
        f"The key {key!r} is stored {where}; a key names one image of a pool, so leave one of them "
        f"out or rename it. {BASE_NAMES}"
    )


@functools.lru_cache(maxsize=2)
def _group(url: str, group: int, _pid: int) -> _Group:
    return _Group(url, group)


class _Group:
    """The image bytes of a row group, decoded a batch at a time.

    A small group stays in memory; of a large one there is the last batch, and what is before it is
    decoded again when it is asked for.
    """

    def __init__(self, url: str, group: int) -> None:
        self._url = url
        self._number = group
        self._begin()

    def _begin(self) -> None:
        self._batches = self._decode()
        self._kept: list[Any] = []
        self._first = self._behind = self._bytes = 0

    def read(self, row: int) -> bytes | None:
        if row < self._first:
            self._begin()
        while row >= self._behind:
            batch = next(self._batches, None)
            if batch is None:
                raise PipelineError(
                    f"The shard {self._url!r} has fewer rows than it says; fetch it again."
                )
            self._behind += len(batch)
            self._bytes += batch.nbytes
            self._kept.append(batch)
            while len(self._kept) > 1 and self._bytes > _KEPT:
                gone = self._kept.pop(0)
                self._first += len(gone)
                self._bytes -= gone.nbytes
        at = self._first
        for batch in self._kept:
            if row < at + len(batch):
                data: bytes | None = batch[row - at].as_py()
                return data
            at += len(batch)
        raise AssertionError("the row is in one of the batches")

    def _decode(self) -> Iterator[Any]:
        with _opened(self._url) as shard:
            yield from shard.images(shard.groups[self._number])


def _shard(url: str) -> Shard:
    fs, path = filesystem(without_choice(url)[0])
    info = fs.info(path)
    state = fingerprint(KEY_RULES, url, state_of(info))
    return Shard(url, state, int(info["size"] or 0), functools.partial(_entries, url))


def _entries(url: str, remarks: Remarks) -> Iterator[Entry]:
    keys = _keys(url, remarks)
    with _opened(url) as shard:
        room = limits().page + limits().expansion * shard.length
        most = limits().image
        bare = without_choice(url)[1] != _ROWS and any(group.rows for group in shard.groups)
        for group in shard.groups:
            for batch in shard.images(group):
                for data in batch:
                    key = next(keys)
                    bare = bare and "/" not in key
                    stored: bytes | None = data.as_py()
                    if stored is None:
                        remarks.skipped["no-bytes"] += 1
                        continue
                    if len(stored) > most:
                        check_image(key, len(stored), url)
                    room -= len(stored)
                    if room < 0:
                        raise _too_much(url, shard.length)
                    yield key, stored
    if bare:
        remarks.warnings.append(ONLY_BASE_NAMES)


def _too_much(url: str, length: int) -> PipelineError:
    return PipelineError(
        f"The shard {url!r} of {length:,} bytes holds more than {limits().expansion} times as "
        "many; if it comes from someone you trust, raise the limit: "
        f"{raised('expansion', 1000)}"
    )


def _stem(url: str) -> str:
    path = filesystem(without_choice(url)[0])[1]
    return posixpath.splitext(posixpath.basename(path))[0]


def _keys(url: str, remarks: Remarks | None = None) -> Iterator[str]:
    """Yield the key of every row: its path, or without one the shard's name and the row number.

    Args:
        remarks: hears of paths that are there and cannot be keys.
    """
    stem = _stem(url)
    by_row = without_choice(url)[1] == _ROWS
    row = 0
    with _opened(url) as shard:
        room = limits().page + limits().expansion * shard.length
        most = limits().key
        for group in shard.groups:
            for batch in shard.paths(group):
                for path in batch.to_pylist():
                    size = len(path or "")
                    if size > most:
                        raise refuse(f"A path in the shard {url!r}", size, "key")
                    room -= size
                    if room < 0:
                        raise _too_much(url, shard.length)
                    key = None if by_row or not path else shard_key(path)
                    if key is None and path and not by_row and remarks is not None:
                        remarks.warnings.append(UNUSABLE_PATHS)
                        remarks = None  # Once is enough.
                    yield key or f"{stem}/{row:09d}"
                    row += 1


class _Opened(NamedTuple):
    """An open shard.

    Attributes:
        file: the Parquet file.
        groups: its row groups.
        stream: its bytes.
        length: their number.
        column: name of the image column.
    """

    file: pq.ParquetFile
    groups: list[Group]
    stream: PageGuard
    length: int
    column: str

    def group_of(self, row: int) -> Group:
        """Find the row group of a row."""
        for group in self.groups:
            if row < group.first + group.rows:
                return group
        raise pa.ArrowInvalid(f"it lacks the row {row}")

    def images(self, group: Group) -> Iterator[Any]:
        """Yield the image bytes of a row group, some rows at a time."""
        name = f"{self.column}.bytes"
        rows = self.stream.watch(group, name, _BATCH_ROWS)
        batches = self.file.iter_batches(rows, row_groups=[group.number], columns=[name])
        for batch in counted(batches, group, name):
            yield pc.struct_field(batch.column(self.column), "bytes")

    def paths(self, group: Group) -> Iterator[Any]:
        """Yield the paths of a row group, some rows at a time."""
        name = f"{self.column}.path"
        rows = rows_at_a_time(self.stream, group, [name], _PATHS_AT_A_TIME)
        batches = self.file.iter_batches(rows, row_groups=[group.number], columns=[name])
        for batch in counted(batches, group, name):
            paths = pc.struct_field(batch.column(self.column), "path")
            paths.validate(full=True)
            yield paths


@contextmanager
def _opened(url: str) -> Iterator[_Opened]:
    path, choice = without_choice(url)
    try:
        with opened(path) as (stream, length):
            guard = PageGuard(stream)
            groups = read_groups(stream, length)
            chunks = [chunk for group in groups for chunk in group.chunks]
            large = max((chunk.end - chunk.start for chunk in chunks), default=0) > _LARGE
            with pq.ParquetFile(
                guard, buffer_size=_BUFFER if large else 0, pre_buffer=False
            ) as file:
                column = _image_column(file.schema_arrow, path, choice)
                yield _Opened(file, groups, guard, length, column)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise  # Not Arrow's, which has no number.
        raise PipelineError(
            f"The shard {path!r} is not a readable Parquet file ({one_line(exc)}); fetch it again."
        ) from exc


def _image_column(schema: pa.Schema, url: str, choice: str) -> str:
    found = [column.name for column in schema if _holds_images(column.type)]
    if choice in found and choice != _ROWS:
        return str(choice)
    if not found:
        raise PipelineError(
            f"The shard {url!r} has no image column: a struct of bytes and path, as Hugging Face "
            f"datasets store images. Its columns are {_columns(schema)}."
        )
    if choice not in ("", _ROWS):
        raise PipelineError(
            f"The shard {url!r} has no image column {choice!r}; it has {', '.join(found)}."
        )
    if len(found) > 1:
        raise PipelineError(
            f"The shard {url!r} has several image columns: {', '.join(found)}. Say which one is "
            f"the pool's by adding its name: {posixpath.basename(url) + '#' + found[0]!r}"
        )
    return str(found[0])


def _holds_images(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return False
    types = {field.name: field.type for field in kind}
    data, path = types.get("bytes"), types.get("path")
    return (
        Counter(field.name for field in kind)["bytes"] == 1
        and data in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.null())
        and path in (pa.string(), pa.large_string(), pa.string_view(), pa.null())
    )


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{column.name} ({column.type})" for column in schema)
