"""Hash every image of a source, shard by shard: after an interruption, finished shards are kept."""

from __future__ import annotations

import hashlib
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

from ..compute.workers import default_decoders, default_workers
from ..images import why_undecodable
from . import parts
from .columns import digest_rows, whole
from .duplicates import refuse_duplicates
from .parts import SCHEMA, Part
from .processes import in_processes
from .shard import OnProgress, Remarks, Shard
from .source import Source

Result = TypeVar("Result")

_SMALL = 256_000_000
"""Bytes that one process hashes before it is worth starting others."""


@dataclass(frozen=True)
class HashedImages:
    """All images of a source in bytewise order of the UTF-8 key.

    Attributes:
        keys: Arrow array of n unique keys.
        digests: SHA-256 of the stored bytes, shape (n, 32), uint8.
        sizes: bytes of each image, shape (n,), uint64.
        skipped: number of files left out, by reason.
        warnings: what is odd about the shards but not an error, sentences.
        unreadable: why images do not decode, by key; empty if they were not decoded.
    """

    keys: pa.LargeStringArray
    digests: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.uint64]
    skipped: dict[str, int]
    warnings: list[str]
    unreadable: dict[str, str]


@dataclass(frozen=True)
class HashedParts:
    """All images of a source, as tables in a folder.

    Attributes:
        parts: one for each shard, in the order of the shards.
        skipped: number of files left out, by reason.
        warnings: what is odd about the shards but not an error, sentences.
        unreadable: why images do not decode, by key; empty if they were not decoded.
    """

    parts: list[Part]
    skipped: dict[str, int]
    warnings: list[str]
    unreadable: dict[str, str]

    def collected(self) -> HashedImages:
        """Read all images into memory.

        Raises:
            PipelineError: if a key is stored twice, or a part was removed.
        """
        tables = [part.read() for part in self.parts]
        columns = _sorted(tables, [part.shard for part in self.parts])
        return HashedImages(*columns, self.skipped, self.warnings, self.unreadable)


def hash_images(
    source: Source,
    *,
    decode: bool = False,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> HashedImages:
    """Read all of `source` once, into memory; see `hash_to_parts`.

    Raises:
        PipelineError: if a shard is damaged, or a key is stored twice.
    """
    tables: list[pa.Table] = []
    names: list[str] = []
    remarks = Remarks()
    work = partial(hash_shard, decode=decode)
    for shard, table in _each_shard(source, work, workers, on_progress, decode=decode):
        tables.append(table)
        names.append(shard.name)
        remarks.add(shard.remarks)
    skipped = dict(sorted(remarks.skipped.items()))
    columns = _sorted(tables, names)
    return HashedImages(*columns, skipped, remarks.warnings, remarks.unreadable)


def hash_to_parts(
    source: Source,
    folder: Path,
    *,
    decode: bool = False,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> HashedParts:
    """Read all of `source` once; one shard for each worker is in memory.

    Args:
        source: the images.
        folder: for partial results, made when needed. A shard that has not changed since an
            interrupted call is not read again.
        decode: decode every image as well, and tell those that do not decode.
        workers: processes, each of which reads one shard at a time; chosen when None, and 1 reads
            in this process.
        on_progress: called with the number of bytes just done, ``source.size()`` in all.

    Raises:
        PipelineError: if a shard is damaged.
    """
    found: list[Part] = []
    remarks = Remarks()
    work = partial(hash_to_part, folder=folder, decode=decode)
    for shard, part in _each_shard(source, work, workers, on_progress, decode=decode):
        found.append(part)
        remarks.add(shard.remarks)
    skipped = dict(sorted(remarks.skipped.items()))
    return HashedParts(found, skipped, remarks.warnings, remarks.unreadable)


def _each_shard(
    source: Source,
    work: Callable[[Shard, OnProgress | None], Result],
    workers: int | None,
    on_progress: OnProgress | None,
    *,
    decode: bool,
) -> Iterator[tuple[Shard, Result]]:
    """Yield every shard with the result of `work` on it, in order.

    Storage limits how fast images are hashed, and the number of cores how fast they are decoded.
    """
    shards = source.shards()
    if workers is None or workers < 2:
        chosen = default_decoders() if decode else default_workers()
        others, read = chosen if workers is None else 1, 0
        for shard in shards:
            # Not by the size of the source: a folder would be walked once more for that.
            read += shard.size
            if others > 1 and read > _SMALL:
                workers, shards = others, chain([shard], shards)
                break
            yield shard, work(shard, on_progress)
        else:
            return
    assert workers is not None
    yield from in_processes(shards, work, workers, on_progress)


def hash_to_part(
    shard: Shard, on_progress: OnProgress | None, *, folder: Path, decode: bool = False
) -> Part:
    """Return the part of a shard in `folder`, after hashing the shard if it is not there."""
    table = parts.load(shard, folder, decode=decode)
    if table is None:
        table = hash_shard(shard, on_progress, decode=decode)
        parts.store(shard, table, folder, decode=decode)
    elif on_progress is not None:
        on_progress(shard.size)
    return Part.of(shard, table, folder)


def hash_shard(shard: Shard, on_progress: OnProgress | None, *, decode: bool = False) -> pa.Table:
    """Read a shard; return a table of key, digest and size, one row per image, sorted by key.

    Args:
        decode: remark which images do not decode as well.
    """
    keys: list[str] = []
    digests: list[bytes] = []
    sizes: list[int] = []
    for key, data in shard.scan(on_progress):
        keys.append(key)
        digests.append(hashlib.sha256(data).digest())
        sizes.append(len(data))
        if decode and (reason := why_undecodable(data)) is not None:
            shard.remarks.unreadable[key] = reason
    table = pa.table({"key": keys, "sha256": digests, "size": sizes}, schema=SCHEMA)
    return table.take(pc.sort_indices(table.column("key")))


def _sorted(
    tables: list[pa.Table], names: list[str]
) -> tuple[pa.LargeStringArray, npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    ends = np.cumsum([len(table) for table in tables])
    table = pa.concat_tables([SCHEMA.empty_table(), *tables])
    tables.clear()  # The caller does not need them any more.
    order = pc.sort_indices(table.column("key")).to_numpy()
    in_order = bool((order == np.arange(len(order))).all())
    columns: list[Any] = []
    while table.num_columns:
        # One column after the other, so that only one is held twice.
        column = table.column(0)
        table = table.remove_column(0)
        columns.append(whole(column if in_order else column.take(order)))
    keys, digests, sizes = columns

    def shard_of(row: int) -> str:
        return names[int(np.searchsorted(ends, order[row], side="right"))]

    refuse_duplicates(keys, shard_of)
    return keys, digest_rows(digests), sizes.to_numpy()
