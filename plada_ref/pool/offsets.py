"""Which bytes of which shard an image is: the index for random access to tar shards.

The index of a shard is kept in a cache folder ($PLADA_CACHE, else $XDG_CACHE_HOME/plada, else
~/.cache/plada) under a name made from the shard's URL, size and time, so that walking the headers
of a large pool happens once. A stale entry can do no harm: every image read is hashed.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pladafmt.files import replacing

from .cache import cache_folder
from .columns import whole
from .duplicates import refuse_duplicates
from .keys import KEY_RULES
from .location import filesystem, fingerprint

_SCHEMA = pa.schema([("key", pa.large_string()), ("offset", pa.uint64()), ("size", pa.uint64())])


@dataclass(frozen=True, slots=True)
class Member:
    """Where one image lies in a shard: its key, byte offset and size in bytes."""

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

    @classmethod
    def of_shards(cls, urls: list[str], locate: Callable[[str], Iterable[Member]]) -> OffsetIndex:
        """Index the shards at `urls`; `locate` walks one that the cache does not know.

        Raises:
            PipelineError: if a key is stored twice.
        """
        tables = [_shard_table(url, locate) for url in urls]
        counts = [len(table) for table in tables]
        table = pa.concat_tables([_SCHEMA.empty_table(), *tables]).combine_chunks()
        order = pc.sort_indices(table, sort_keys=[("key", "ascending")])
        shards = np.repeat(np.arange(len(urls), dtype=np.uint32), counts)[order.to_numpy()]
        table = table.take(order).combine_chunks()
        keys = whole(table.column("key"))
        refuse_duplicates(keys, lambda row: urls[shards[row]])
        return cls(
            keys,
            shards,
            whole(table.column("offset")).to_numpy(),
            whole(table.column("size")).to_numpy(),
        )

    def find(self, key: str) -> tuple[int, int, int] | None:
        """(shard number, byte offset, byte size) of an image, or None."""
        # Python compares code points, Arrow UTF-8 bytes: the same order.
        keys = self._keys
        row = bisect.bisect_left(range(len(keys)), key, key=lambda row: keys[row].as_py())
        if row == len(keys) or keys[row].as_py() != key:
            return None
        return int(self._shards[row]), int(self._offsets[row]), int(self._sizes[row])


def _shard_table(url: str, locate: Callable[[str], Iterable[Member]]) -> pa.Table:
    fs, path = filesystem(url)
    name = fingerprint("tar-offsets-1", KEY_RULES, url, sorted(fs.info(path).items(), key=str))
    cached = cache_folder("shards") / f"{name[:32]}.parquet"
    try:
        table = pq.read_table(cached)
        if table.schema.equals(_SCHEMA):
            return table
    except (OSError, pa.ArrowException):
        pass  # Not there, or damaged: walk the shard.
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
        with replacing(cached) as temporary:
            pq.write_table(table, temporary)
    except OSError:
        pass  # A cache that cannot be written costs time, not correctness.
    return table
