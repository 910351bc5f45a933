"""The tables of hashed runs in a folder, until the manifest is made of them.

With them an interrupted run need not begin anew, and not all of them need be in memory.
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
from .shard import Run

SCHEMA = pa.schema([("key", pa.large_string()), ("sha256", pa.binary(32)), ("size", pa.uint64())])
"""One row for each image of a run, in bytewise order of the key."""


@dataclass(frozen=True)
class Part:
    """A stored table.

    Attributes:
        path: its file.
        run: name of the run.
        images: rows of the table.
        bytes: of all its images.
        first, last: its lowest and its highest key; "" without images.
        ascends: whether each key is higher than the one before.
    """

    path: Path
    run: str
    images: int
    bytes: int
    first: str
    last: str
    ascends: bool

    @classmethod
    def of(cls, run: Run, table: pa.Table, folder: Path) -> Part:
        """What `store` has stored, or `load` has loaded."""
        keys, count = table.column("key"), len(table)
        return cls(
            _path(run, folder),
            run.name,
            count,
            pc.sum(table.column("size"), min_count=0).as_py(),
            keys[0].as_py() if count else "",
            keys[-1].as_py() if count else "",
            bool(pc.all(pc.less(keys.slice(0, max(0, count - 1)), keys.slice(1))).as_py()),
        )

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The table, or these columns of it.

        Raises:
            PipelineError: if the file is not there any more.
        """
        try:
            with pq.ParquetFile(self.path) as file:
                return file.read(columns)
        except (OSError, pa.ArrowException) as exc:
            raise PipelineError(
                f"The partial result {str(self.path)!r} was removed or damaged ({exc}) while it "
                "was in use; run the same command again."
            ) from exc


def load(run: Run, folder: Path) -> pa.Table | None:
    """The stored table of an unchanged run; its skipped files are put into `run.skipped`."""
    try:
        with pq.ParquetFile(_path(run, folder)) as file:
            table = file.read()
        table.validate(full=True)
        stored = table.schema.metadata or {}
        if stored.get(b"plada.fingerprint") != run.fingerprint.encode():
            return None
        table = table.replace_schema_metadata(None).cast(SCHEMA)
        skipped = Counter[str](json.loads(stored[b"plada.skipped"]))
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return None  # Not there, or damaged: hash the run again.
    run.skipped.clear()
    run.skipped.update(skipped)
    return table


def store(run: Run, table: pa.Table, folder: Path) -> None:
    """Keep the table of a run in the folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {
        "plada.fingerprint": run.fingerprint,
        "plada.skipped": json.dumps(run.skipped),
    }
    with replacing(_path(run, folder)) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="none")


def in_key_order(parts: list[Part]) -> list[Part] | None:
    """The parts that have images, so that all keys ascend from one to the next; None if some don't.

    Without that, images have to be sorted, or some key comes twice.
    """
    ordered = sorted((part for part in parts if part.images), key=lambda part: part.first)
    apart = all(one.last < other.first for one, other in pairwise(ordered))
    if apart and all(part.ascends for part in ordered):
        return ordered
    return None


def _path(run: Run, folder: Path) -> Path:
    return folder / f"{fingerprint(run.name)[:32]}.parquet"
