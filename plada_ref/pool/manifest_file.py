"""Read a manifest's file, some rows at a time; see `manifest_layout` for what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pladafmt import PoolRef
from pladafmt.pool import check_prefixes

from ..errors import PipelineError, one_line
from ..limits import limits, raised
from ..parquet.footer import Group, read_groups
from ..parquet.pages import BATCH, counted, rows_at_a_time
from .columns import GrowingStrings, digest_rows
from .key_order import KeyOrder
from .known_ids import Digests, pool_id_of
from .manifest_layout import SCHEMA, Rows, check_layout, decode_metadata

_ROWS_AT_A_TIME = 1 << 14
_KEPT_ROWS = 1 << 17
"""Rows after which Arrow gives back what it took for them, where a running program reads some; else
it keeps a multiple."""

_BUFFER = 1 << 20
"""Bytes read at a time; without it, Arrow holds the stored columns of a whole row group."""


@dataclass(frozen=True, eq=False)
class SelectedRows:
    """The images of a manifest at some pool positions.

    Attributes:
        pool: the pool, as the manifest states it.
        positions: pool positions, ascending, shape (n,), int64.
        keys: their keys, an Arrow array.
        digests: SHA-256 of the stored image bytes, shape (n, 32), uint8.
    """

    pool: PoolRef
    positions: npt.NDArray[np.int64]
    keys: pa.LargeStringArray
    digests: Digests

    def key(self, position: int) -> str:
        """The key of the image at a pool position, one of `positions`."""
        return str(self.keys[self._row(position)].as_py())

    def digest(self, position: int) -> bytes:
        """The SHA-256 (32 bytes) of the image at a pool position, one of `positions`."""
        return bytes(self.digests[self._row(position)])

    def _row(self, position: int) -> int:
        row = int(np.searchsorted(self.positions, position))
        if row == len(self.positions) or self.positions[row] != position:
            raise IndexError(f"position {position} is not among the {len(self.positions)} selected")
        return row


class ManifestFile:
    """A manifest that stays on disk: only what is read from it takes memory.

    `Manifest` is one in memory. A file may be pickled and used after a fork; each reading
    opens it again, and fails if it has been replaced in between.

    Args:
        path: the Parquet file.

    Raises:
        PipelineError: if the file is missing, damaged, or not a manifest. The rows are not read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        with _readable(self.path):
            self._state = self._look()
            with self._opened() as file:
                encoded = file.metadata.metadata or {}
                check_layout(file.schema_arrow, encoded, self.path)
                # Not the file's own count, which may be another: rows are found by their groups.
                rows = int(_group_bounds(self._groups())[-1])
                self._room = limits().page + limits().expansion * self._state[2]
                self._refuse_above(32 * rows)
        self.metadata = decode_metadata(encoded, self.path)
        self._check_count(rows)

    def __len__(self) -> int:
        return self.metadata.pool.size

    @property
    def pool(self) -> PoolRef:
        """The pool's id and size. The id is what the file says; see `prefix_id`."""
        return self.metadata.pool

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Rows]:
        """Yield the images at the positions from `start` to before `stop`, some at a time.

        Raises:
            PipelineError: if the file is damaged or has been replaced.
        """
        for batch in self._batches(SCHEMA.names, start, len(self) if stop is None else stop):
            keys, digests, sizes = batch.columns
            yield Rows(keys, digest_rows(digests), sizes.to_numpy(zero_copy_only=False))

    def checked(self) -> Iterator[Rows]:
        """Yield all images like `rows`; their number and order are checked on the way.

        Raises:
            PipelineError: if the file is damaged, has been replaced, or contradicts itself.
        """
        facts = self.metadata
        order = KeyOrder(facts.generations, self.path) if facts.order == "key" else None
        count = 0
        for rows in self.rows():
            count += len(rows.keys)
            if order is not None:
                order.follow(rows.keys)
            yield rows
        self._check_count(count)

    def select(self, positions: npt.ArrayLike, *, check: bool = True) -> SelectedRows:
        """Select the images at some pool positions.

        Args:
            positions: ascending, none twice, shape (n,), any integers from 0 to N - 1.
            check: read and check the whole manifest, as `checked` does, and not only these rows.

        Raises:
            PipelineError: as `rows` or `checked` does.
        """
        wanted = np.asarray(positions).astype(np.int64)
        start = 0 if check or not len(wanted) else int(wanted[0])
        stop = int(wanted[-1]) + 1 if len(wanted) else 0
        keys, digests = GrowingStrings(), [np.empty((0, 32), np.uint8)]
        released = start
        for rows in self.checked() if check else self.rows(start, stop):
            behind = start + len(rows.keys)
            first, last = np.searchsorted(wanted, (start, behind))
            if first < last:
                here = wanted[first:last] - start
                keys.extend(rows.keys.take(pa.array(here)))
                digests.append(rows.digests[here])
            start = behind
            # A whole pass comes first, in an empty process, and has no time for it.
            if not check and start - released >= _KEPT_ROWS:
                pa.default_memory_pool().release_unused()
                released = start
        return SelectedRows(self.pool, wanted, keys.array(), np.concatenate(digests))

    def prefix_id(self, n: int) -> bytes:
        """Compute the id of the pool of the first `n` images: an earlier state of a grown pool.

        It follows from the digests, and may be known on this machine, see `known_ids`.

        Raises:
            ValueError: if `n` is not in 0..N.
            PipelineError: as `rows` does.
        """
        if not 0 <= n <= len(self):
            raise ValueError(f"a prefix of {len(self)} images cannot have {n}")
        return pool_id_of(lambda: self._digests(n), n)

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        A pool that has grown serves the payloads of its earlier states. Ids are computed
        from the digests, whatever the manifest states.

        Raises:
            pladafmt.errors.Mismatch: if the first ``ref.size`` images are not the pool `ref`.
            PipelineError: as `rows` does.
        """
        check_prefixes(ref, len(self), self.prefix_id)

    def _digests(self, stop: int) -> Iterator[Digests]:
        for batch in self._batches(["sha256"], 0, stop):
            yield digest_rows(batch.column(0))

    def _batches(self, columns: list[str], start: int, stop: int) -> Iterator[Any]:
        """Yield record batches without empty cells of exactly the rows `start` to before `stop`."""
        if stop <= start:
            return
        with _readable(self.path), self._opened() as file:
            groups_of_file = self._groups()
            bounds = _group_bounds(groups_of_file)
            first = int(np.searchsorted(bounds, start, side="right")) - 1
            groups = groups_of_file[first : int(np.searchsorted(bounds, stop))]
            at, found = int(bounds[first]), 0
            for batch in self._decoded(file, groups, columns):
                found += batch.nbytes
                self._refuse_above(found)
                first, last = max(start - at, 0), min(stop - at, len(batch))
                at += len(batch)
                if first >= last:
                    continue
                batch.validate(full=True)  # Keys from a stranger need not be UTF-8.
                if any(column.null_count for column in batch.columns):
                    raise PipelineError(
                        f"The manifest {self.path!r} has empty cells; it is damaged."
                    )
                yield batch.slice(first, last - first)

    def _decoded(
        self, file: pq.ParquetFile, groups: list[Group], columns: list[str]
    ) -> Iterator[Any]:
        """Yield the record batches of some row groups, of few rows if their keys may be long."""
        with open(self.path, "rb") as stream:
            for group in groups:
                rows = rows_at_a_time(stream, group, columns, _ROWS_AT_A_TIME)
                batches = file.iter_batches(
                    rows, row_groups=[group.number], columns=columns, use_threads=False
                )
                yield from _joined(counted(batches, group, columns[0]))

    def _groups(self) -> list[Group]:
        with open(self.path, "rb") as stream:
            return read_groups(stream, self._state[2])

    def _refuse_above(self, size: int) -> None:
        """Check what the rows take in memory: digests do not shrink, so neither does a manifest."""
        if size > self._room:
            raise PipelineError(
                f"The manifest {self.path!r} of {self._state[2]:,} bytes has rows of {size:,} "
                "bytes and more; if it comes from someone you trust, raise the limit: "
                f"{raised('expansion', 1000)}"
            )

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        if self._look() != self._state:
            raise PipelineError(
                f"The manifest {self.path!r} has been replaced while it was in use; start again."
            )
        # Not read_table: given a folder or a partitioned path, that guesses more columns.
        with pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file:
            yield file

    def _look(self) -> tuple[int, int, int, int]:
        found = os.stat(self.path)
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _check_count(self, rows: int) -> None:
        if rows != len(self):
            raise PipelineError(
                f"The manifest {self.path!r} has {rows} rows, but its metadata speaks of pool "
                f"sizes {', '.join(map(str, self.metadata.generations))}; it is damaged."
            )


def _joined(batches: Iterator[Any]) -> Iterator[Any]:
    """Join small record batches to some of `_ROWS_AT_A_TIME`, unless they take much memory."""
    waiting: list[Any] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + len(batch), size + batch.nbytes
        if rows >= _ROWS_AT_A_TIME or size > BATCH // 8:
            yield from _one(waiting)
            waiting, rows, size = [], 0, 0
    yield from _one(waiting)


def _one(batches: list[Any]) -> list[Any]:
    if len(batches) < 2:
        return batches
    joined: list[Any] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return joined


def _group_bounds(groups: list[Group]) -> npt.NDArray[np.int64]:
    """Return the first row of each row group, and then the number of all rows."""
    return np.cumsum([0, *(group.rows for group in groups)], dtype=np.int64)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise PipelineError(
            f"There is no manifest at {name!r}; make one with: plada pool index"
        ) from exc
    except (OSError, pa.ArrowException, UnicodeDecodeError) as exc:
        raise PipelineError(
            f"{name!r} is not a readable Parquet file ({one_line(exc)}), so it is not a manifest; "
            "it is damaged, or another file."
        ) from exc
