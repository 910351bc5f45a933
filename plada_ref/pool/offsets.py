"""The index for random access to tar shards: in which bytes of which shard an image lies.

The index of a shard is kept in a cache folder ($PLADA_CACHE, else $XDG_CACHE_HOME/plada, else
~/.cache/plada) under a name made from the shard's URL, size and time, so that walking the headers
of a large pool happens once.

A stale entry can do no harm. It is sealed, so that a damaged one is made again; it is not used
where the shard's server says no time or version; and the bytes of every image of a pool are hashed
when they are read, so that a wrong place could only give an error.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import PipelineError
from ..storage.cache import cache_folder
from ..storage.location import filesystem, fingerprint, state_of
from .columns import whole
from .duplicates import refuse_duplicates
from .keys import KEY_RULES
from .sealed import SUFFIX, read_sealed, write_sealed

_SCHEMA = pa.schema([("key", pa.large_string()), ("offset", pa.uint64()), ("size", pa.uint64())])
_WITH_SHARD = _SCHEMA.append(pa.field("shard", pa.uint32()))

_ROWS_AT_A_TIME = 1 << 14


@dataclass(frozen=True, slots=True)
class Member:
    """An image in a shard: its key, byte offset and size in bytes."""

    key: str
    offset: int
    size: int


class OffsetIndex:
    """Keys in bytewise order with shard number, byte offset and byte size.

    Arrow and NumPy arrays instead of a dict: 14 million images fit into about 1 GB, and forked
    workers share it, since looking something up does not touch a reference count in it.
    """

    def __init__(
        self,
        keys: pa.LargeStringArray,
        shards: npt.NDArray[np.uint32],
        offsets: npt.NDArray[np.uint64],
        sizes: npt.NDArray[np.uint64],
    ) -> None:
        self._keys = keys
        self._shards = shards
        self._offsets = offsets
        self._sizes = sizes

    def find(self, key: str) -> tuple[int, int, int] | None:
        """Return (shard number, byte offset, byte size) of an image, or None."""
        # Python compares code points, Arrow UTF-8 bytes: the same order.
        keys = self._keys
        row = bisect.bisect_left(range(len(keys)), key, key=lambda row: keys[row].as_py())
        if row == len(keys) or keys[row].as_py() != key:
            return None
        return int(self._shards[row]), int(self._offsets[row]), int(self._sizes[row])

    def places(
        self, keys: pa.LargeStringArray
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        """Return shard number and byte offset of each of these images, shape (n,) each.

        Raises:
            PipelineError: if one is not there.
        """
        rows = pc.index_in(keys, value_set=self._keys).fill_null(-1).to_numpy()
        if (rows < 0).any():
            key = keys[int(np.flatnonzero(rows < 0)[0])].as_py()
            raise PipelineError(
                f"The image {key!r} is in none of the shards; list what is missing with: plada "
                "pool verify"
            )
        return self._shards[rows], self._offsets[rows]


class Indexes(Protocol):
    """What makes an index of shards: by walking them, or from what is known of them."""

    def index(self, keys: pa.LargeStringArray | None = None) -> OffsetIndex:
        """Make the index of all images, or of those with these keys."""
        ...


class ShardIndexes:
    """Makes one index of several shards, for all images or for some.

    Args:
        urls: the shards.
        locate: lists the images of a shard that is not in the cache.
    """

    def __init__(self, urls: list[str], locate: Callable[[str], Iterable[Member]]) -> None:
        self._urls = urls
        self._locate = locate
        # Lowest and highest key of the shards seen so far; None for one without images.
        self._ranges: dict[int, tuple[str, str] | None] = {}

    def index(self, keys: pa.LargeStringArray | None = None) -> OffsetIndex:
        """Make the index of all images, or of those with these keys.

        Raises:
            PipelineError: if a shard is damaged, or a key is stored twice.
        """
        tables = self._tables() if keys is None else self._tables_of(keys)
        table = pa.concat_tables([_WITH_SHARD.empty_table(), *tables])
        table = table.sort_by("key").combine_chunks()
        found = whole(table.column("key"))
        shards = whole(table.column("shard")).to_numpy()
        refuse_duplicates(found, lambda row: self._urls[shards[row]])
        return OffsetIndex(
            found,
            shards,
            whole(table.column("offset")).to_numpy(),
            whole(table.column("size")).to_numpy(),
        )

    def _tables_of(self, keys: pa.LargeStringArray) -> Iterator[pa.Table]:
        """Yield the rows of these keys."""
        if not len(keys):
            return
        # Arrow builds a hash table of the keys for each search: too much for each small shard.
        enough = max(_ROWS_AT_A_TIME, len(keys))
        waiting: list[pa.Table] = []
        rows = 0
        for table in self._tables(_min_max(keys)):
            waiting.append(table)
            rows += len(table)
            if rows >= enough:
                yield _rows_of(waiting, keys)
                waiting, rows = [], 0
        if waiting:
            yield _rows_of(waiting, keys)

    def _tables(self, between: tuple[str, str] | None = None) -> Iterator[pa.Table]:
        """Yield the images of each shard, except of those known to have no key in this range."""
        for number, url in enumerate(self._urls):
            if between is not None and number in self._ranges:
                known = self._ranges[number]
                if known is None or known[1] < between[0] or between[1] < known[0]:
                    continue
            table = _shard_table(url, self._locate)
            self._ranges[number] = _min_max(table.column("key")) if len(table) else None
            yield table.append_column("shard", pa.array(np.full(len(table), number, np.uint32)))


def _min_max(keys: Any) -> tuple[str, str]:
    """Return the lowest and the highest of some keys, by their UTF-8 bytes."""
    ends = pc.min_max(keys).as_py()
    return ends["min"], ends["max"]


def _rows_of(tables: list[pa.Table], keys: pa.LargeStringArray) -> pa.Table:
    table = pa.concat_tables(tables)
    # A copy: a filtered table may keep the whole original in memory.
    rows = table.filter(pc.is_in(table.column("key"), value_set=keys)).combine_chunks()
    pa.default_memory_pool().release_unused()
    return rows


def _shard_table(url: str, locate: Callable[[str], Iterable[Member]]) -> pa.Table:
    fs, path = filesystem(url)
    name = fingerprint("tar-offsets-2", KEY_RULES, url, state_of(fs.info(path)))
    cached = cache_folder("shards") / f"{name[:32]}{SUFFIX}"
    try:
        stored = read_sealed(cached, name)
    except OSError:
        stored = None  # Not there, or not readable: walk the shard.
    if stored is not None:
        return stored
    found = list(locate(url))
    table = pa.table(
        {
            "key": [member.key for member in found],
            "offset": np.array([member.offset for member in found], dtype=np.uint64),
            "size": np.array([member.size for member in found], dtype=np.uint64),
        },
        schema=_SCHEMA,
    )
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(cached, table, name)
    except OSError:
        pass  # A cache that cannot be written costs time, not correctness.
    return table
