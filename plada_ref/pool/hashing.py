"""Hash every image of a source, in pieces that an interrupted run need not repeat."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pladafmt.files import replacing

from .columns import digest_rows, whole
from .duplicates import refuse_duplicates
from .location import fingerprint
from .processes import default_workers, in_processes
from .run import OnProgress, Run
from .source import Source

_SCHEMA = pa.schema([("key", pa.large_string()), ("sha256", pa.binary(32)), ("size", pa.uint64())])

_SMALL = 256_000_000
"""Bytes that one process has hashed before others would be of help; `hash_images` chooses by it."""


@dataclass(frozen=True)
class HashedImages:
    """All images of a source in bytewise order of the UTF-8 key.

    Attributes:
        keys: Arrow array of n unique keys.
        digests: SHA-256 of the stored bytes, shape (n, 32), uint8.
        sizes: bytes of each image, shape (n,), uint64.
        skipped: number of files left out, by reason.
    """

    keys: pa.LargeStringArray
    digests: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.uint64]
    skipped: dict[str, int]


def hash_images(
    source: Source,
    *,
    parts: Path | None = None,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> HashedImages:
    """Read all of `source` once.

    Args:
        source: the images.
        parts: folder for partial results, made when needed. A run whose files have not changed
            since an interrupted call is taken from there.
        workers: processes that read a run each, at a time; chosen when None, and 1 is this process
            alone.
        on_progress: called with the number of bytes just done, ``source.size()`` in all.

    Raises:
        PipelineError: if a shard is damaged, or a key is stored twice.
    """
    tables: list[pa.Table] = []
    names: list[str] = []
    skipped: Counter[str] = Counter()
    for run, table in _hash_runs(source, parts, workers, on_progress):
        tables.append(table)
        names.append(run.name)
        skipped.update(run.skipped)
    keys, digests, sizes = _sorted(tables, names)
    return HashedImages(keys, digests, sizes, dict(sorted(skipped.items())))


def _hash_runs(
    source: Source, parts: Path | None, workers: int | None, on_progress: OnProgress | None
) -> Iterator[tuple[Run, pa.Table]]:
    """Yield every run with its table, in order."""
    work, runs = partial(table_of, parts=parts), source.runs()
    if workers is None or workers < 2:
        others, read = default_workers() if workers is None else 1, 0
        for run in runs:
            # Not by the size of the source: a folder would be walked once more for that.
            read += run.size
            if others > 1 and read > _SMALL:
                workers, runs = others, chain([run], runs)
                break
            yield run, work(run, on_progress)
        else:
            return
    assert workers is not None
    yield from in_processes(runs, work, workers, on_progress)


def table_of(run: Run, on_progress: OnProgress | None, *, parts: Path | None) -> pa.Table:
    """The table of a run: the one that is stored in `parts`, or made and stored there."""
    table = load_part(run, parts)
    if table is None:
        table = hash_run(run, on_progress)
        if parts is not None:
            store_part(run, table, parts)
    elif on_progress is not None:
        on_progress(run.size)
    return table


def hash_run(run: Run, on_progress: OnProgress | None) -> pa.Table:
    """Read a run: its table of key, digest and size, one row per image."""
    keys: list[str] = []
    digests: list[bytes] = []
    sizes: list[int] = []
    for key, data in run.scan(on_progress):
        keys.append(key)
        digests.append(hashlib.sha256(data).digest())
        sizes.append(len(data))
    return pa.table({"key": keys, "sha256": digests, "size": sizes}, schema=_SCHEMA)


def _part_path(run: Run, parts: Path) -> Path:
    return parts / f"{fingerprint(run.name)[:32]}.parquet"


def load_part(run: Run, parts: Path | None) -> pa.Table | None:
    """The stored table of an unchanged run; its skipped files are put into `run.skipped`."""
    if parts is None:
        return None
    try:
        table = pq.read_table(_part_path(run, parts))
    except (OSError, pa.ArrowException):
        return None  # Not there, or damaged: hash the run again.
    stored = table.schema.metadata or {}
    if stored.get(b"plada.fingerprint") != run.fingerprint.encode():
        return None
    run.skipped.clear()
    run.skipped.update(json.loads(stored[b"plada.skipped"]))
    return table.replace_schema_metadata(None)


def store_part(run: Run, table: pa.Table, parts: Path) -> None:
    """Keep the table of a run in the folder `parts`, whole or not at all."""
    parts.mkdir(parents=True, exist_ok=True)
    metadata = {
        "plada.fingerprint": run.fingerprint,
        "plada.skipped": json.dumps(run.skipped),
    }
    with replacing(_part_path(run, parts)) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="none")


def _sorted(
    tables: list[pa.Table], names: list[str]
) -> tuple[pa.LargeStringArray, npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    ends = np.cumsum([len(table) for table in tables])
    table = pa.concat_tables([_SCHEMA.empty_table(), *tables])
    tables.clear()  # Whoever collected them does not need them any more.
    order = pc.sort_indices(table.column("key")).to_numpy()
    in_order = bool((order == np.arange(len(order))).all())
    columns: list[Any] = []
    while table.num_columns:
        # One column after the other, so that only one is held twice.
        column = table.column(0)
        table = table.remove_column(0)
        columns.append(whole(column if in_order else column.take(order)))
    keys, digests, sizes = columns

    def place(row: int) -> str:
        return names[int(np.searchsorted(ends, order[row], side="right"))]

    refuse_duplicates(keys, place)
    return keys, digest_rows(digests), sizes.to_numpy()
