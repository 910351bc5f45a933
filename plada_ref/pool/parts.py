"""Keep the tables of hashed shards in a folder, until the manifest is made of them.

So an interrupted command does not start from the beginning, and not all tables need be in memory.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import PipelineError
from ..images import PIXELS
from ..limits import limits
from ..storage.location import fingerprint
from .sealed import SUFFIX, read_sealed, write_sealed
from .shard import Remarks, Shard

SCHEMA = pa.schema([("key", pa.large_string()), ("sha256", pa.binary(32)), ("size", pa.uint64())])
"""One row for each image of a shard, in bytewise order of the key."""


@dataclass(frozen=True)
class Part:
    """A stored table.

    Attributes:
        path: its file.
        shard: name of the shard.
        fingerprint: the shard's.
        images: rows of the table.
        bytes: of all its images.
        first, last: its lowest and its highest key; "" without images.
        ascends: whether each key is higher than the one before.
    """

    path: Path
    shard: str
    fingerprint: str
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
            shard.fingerprint,
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
            table = read_sealed(self.path, self.fingerprint, columns)
        except OSError as exc:
            table, how = None, str(exc)
        else:
            how = "its seal does not fit"
        if table is None:
            raise PipelineError(
                f"The partial result {str(self.path)!r} was removed or damaged ({how}) while it "
                "was in use; run the same command again."
            )
        return table


def load(shard: Shard, folder: Path, *, decode: bool = False) -> pa.Table | None:
    """Return the stored table of an unchanged shard, and set `shard.remarks`; else None.

    None also if the stored table is damaged: it is sealed, see `sealed`.

    Args:
        decode: whether its images have to have been decoded, under the limits of this process.
    """
    try:
        table = read_sealed(_path(shard, folder), shard.fingerprint)
    except OSError:
        return None
    if table is None:
        return None
    about = json.loads(table.schema.metadata[b"plada.remarks"])
    if decode and about.get("decoded") != _decoding():
        return None
    unreadable = about.get("unreadable", {})
    shard.remarks.become(Remarks(Counter(about["skipped"]), about["warnings"], unreadable))
    return table.replace_schema_metadata(None)


def store(shard: Shard, table: pa.Table, folder: Path, *, decode: bool = False) -> None:
    """Store the table of a shard in the folder, whole or not at all.

    Args:
        decode: whether its images have been decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remarks = shard.remarks
    about: dict[str, Any] = {"skipped": remarks.skipped, "warnings": remarks.warnings}
    if decode:
        about |= {"decoded": _decoding(), "unreadable": remarks.unreadable}
    table = table.replace_schema_metadata({"plada.remarks": json.dumps(about)})
    write_sealed(_path(shard, folder), table, shard.fingerprint)


def in_key_order(parts: list[Part]) -> list[Part] | None:
    """Order the parts that have images so that all keys ascend; None if no order does that.

    Then the images have to be sorted, or a key occurs twice.
    """
    ordered = sorted((part for part in parts if part.images), key=lambda part: part.first)
    apart = all(one.last < other.first for one, other in pairwise(ordered))
    if apart and all(part.ascends for part in ordered):
        return ordered
    return None


def _decoding() -> list[int]:
    """What it depends on whether an image decodes."""
    allowed = limits()
    return [PIXELS, allowed.pixels, allowed.scans]


def _path(shard: Shard, folder: Path) -> Path:
    return folder / f"{fingerprint(shard.name)[:32]}{SUFFIX}"
