"""Hash every image of a source, in pieces that an interrupted run need not repeat."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import parts
from .columns import digest_rows, whole
from .duplicates import refuse_duplicates
from .parts import SCHEMA, Part
from .processes import default_workers, in_processes
from .shard import OnProgress, Run
from .source import Source

Result = TypeVar("Result")

_SMALL = 256_000_000
"""Bytes that one process has hashed before others would be of help."""


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


@dataclass(frozen=True)
class HashedParts:
    """All images of a source, as tables in a folder.

    Attributes:
        parts: one for each run, in the order of the runs.
        skipped: number of files left out, by reason.
    """

    parts: list[Part]
    skipped: dict[str, int]

    def collected(self) -> HashedImages:
        """All images in memory.

        Raises:
            PipelineError: if a key is stored twice, or a part is not there any more.
        """
        tables = [part.read() for part in self.parts]
        return HashedImages(*_sorted(tables, [part.run for part in self.parts]), self.skipped)


def hash_images(
    source: Source, *, workers: int | None = None, on_progress: OnProgress | None = None
) -> HashedImages:
    """Read all of `source` once, into memory; see `hash_to_parts`.

    Raises:
        PipelineError: if a shard is damaged, or a key is stored twice.
    """
    tables: list[pa.Table] = []
    names: list[str] = []
    skipped: Counter[str] = Counter()
    for run, table in _worked(source, hash_run, workers, on_progress):
        tables.append(table)
        names.append(run.name)
        skipped.update(run.skipped)
    return HashedImages(*_sorted(tables, names), dict(sorted(skipped.items())))


def hash_to_parts(
    source: Source,
    folder: Path,
    *,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> HashedParts:
    """Read all of `source` once; what is in memory is one run for each worker.

    Args:
        source: the images.
        folder: for partial results, made when needed. A run whose files have not changed since an
            interrupted call is not read again.
        workers: processes that read a run each, at a time; chosen when None, and 1 is this process
            alone.
        on_progress: called with the number of bytes just done, ``source.size()`` in all.

    Raises:
        PipelineError: if a shard is damaged.
    """
    found: list[Part] = []
    skipped: Counter[str] = Counter()
    for run, part in _worked(source, partial(part_of, folder=folder), workers, on_progress):
        found.append(part)
        skipped.update(run.skipped)
    return HashedParts(found, dict(sorted(skipped.items())))


def _worked(
    source: Source,
    work: Callable[[Run, OnProgress | None], Result],
    workers: int | None,
    on_progress: OnProgress | None,
) -> Iterator[tuple[Run, Result]]:
    """Yield every run with what `work` makes of it, in order."""
    runs = source.runs()
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


def part_of(run: Run, on_progress: OnProgress | None, *, folder: Path) -> Part:
    """The part of a run: the one that is in `folder`, or made and stored there."""
    table = parts.load(run, folder)
    if table is None:
        table = hash_run(run, on_progress)
        parts.store(run, table, folder)
    elif on_progress is not None:
        on_progress(run.size)
    return Part.of(run, table, folder)


def hash_run(run: Run, on_progress: OnProgress | None) -> pa.Table:
    """Read a run: its table of key, digest and size, one row per image, in order of the key."""
    keys: list[str] = []
    digests: list[bytes] = []
    sizes: list[int] = []
    for key, data in run.scan(on_progress):
        keys.append(key)
        digests.append(hashlib.sha256(data).digest())
        sizes.append(len(data))
    table = pa.table({"key": keys, "sha256": digests, "size": sizes}, schema=SCHEMA)
    return table.take(pc.sort_indices(table.column("key")))


def _sorted(
    tables: list[pa.Table], names: list[str]
) -> tuple[pa.LargeStringArray, npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    ends = np.cumsum([len(table) for table in tables])
    table = pa.concat_tables([SCHEMA.empty_table(), *tables])
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
