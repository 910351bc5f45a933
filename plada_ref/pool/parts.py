"""Keep the tables of hashed shards in a folder, until the manifest is made of them.

So an interrupted command does not start from the beginning, and not all tables need be in memory.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pladafmt.files import replacing

from ..errors import PipelineError
from .location import fingerprint
from .shard import Shard

SCHEMA = pa.schema([("key", pa.large_string()), ("sha256", pa.binary(32)), ("size", pa.uint64())])
"""One row for each image of a shard, in bytewise order of the key."""


@dataclass(frozen=True)
class Part:
    """A stored table.

    Attributes:
        path: its file.
        shard: name of the shard.
        images: rows of the table.
        bytes: of all its images.
        first, last: its lowest and its highest key; "" without images.
        ascends: whether each key is higher than the one before.
    """

    path: Path
    shard: str
    images: int
    bytes: int
    first: str
    last: str
    ascends: bool

    @classmethod
    def of(cls, shard: Shard, table: pa.Table, folder: Path) -> Part:
        """Describe the table that `store` has stored, or `load` has loaded."""
        keys, count = table.column("key"), len(table)
        return cls(
            _path(shard, folder),
            shard.name,
            count,
            pc.sum(table.column("size"), min_count=0).as_py(),
            keys[0].as_py() if count else "",
            keys[-1].as_py() if count else "",
            bool(pc.all(pc.less(keys.slice(0, max(0, count - 1)), keys.slice(1))).as_py()),
        )

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read the table, or these columns of it.

        Raises:
            PipelineError: if the file was removed or damaged.
        """
        try:
            with pq.ParquetFile(self.path) as file:
                return file.read(columns)
        except (OSError, pa.ArrowException) as exc:
            raise PipelineError(
                f"The partial result {str(self.path)!r} was removed or damaged ({exc}) while it "
                "was in use; run the same command again."
            ) from exc


def load(shard: Shard, folder: Path) -> pa.Table | None:
    """Return the stored table of an unchanged shard, and set `shard.skipped`; else None."""
    try:
        with pq.ParquetFile(_path(shard, folder)) as file:
            table = file.read()
        table.validate(full=True)
        stored = table.schema.metadata or {}
        if stored.get(b"plada.fingerprint") != shard.fingerprint.encode():
            return None
        table = table.replace_schema_metadata(None).cast(SCHEMA)
        skipped = Counter[str](json.loads(stored[b"plada.skipped"]))
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return None  # Not there, or damaged: hash the shard again.
    shard.skipped.clear()
    shard.skipped.update(skipped)
    return table


def store(shard: Shard, table: pa.Table, folder: Path) -> None:
    """Store the table of a shard in the folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {
        "plada.fingerprint": shard.fingerprint,
        "plada.skipped": json.dumps(shard.skipped),
    }
    with replacing(_path(shard, folder)) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="none")


def in_key_order(parts: list[Part]) -> list[Part] | None:
    """Order the parts that have images so that all keys ascend; None if no order does that.

    Then the images have to be sorted, or a key occurs twice.
    """
    ordered = sorted((part for part in parts if part.images), key=lambda part: part.first)
    apart = all(one.last < other.first for one, other in pairwise(ordered))
    if apart and all(part.ascends for part in ordered):
        return ordered
    return None


def _path(shard: Shard, folder: Path) -> Path:
    return folder / f"{fingerprint(shard.name)[:32]}.parquet"
