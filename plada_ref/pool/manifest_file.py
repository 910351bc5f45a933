"""A manifest's file: its layout, and reading and writing it some rows at a time.

A manifest is a Parquet file with the columns ``key`` (string), ``sha256`` (fixed-size binary of
32 bytes, the digest of the stored image bytes) and ``size`` (uint64, bytes), one row per pool
position, and with this file metadata:

==================== =============================================================================
plada.manifest       version of this layout: ``1``
plada.pool_id        the pool id in hexadecimal
plada.order          ``key`` (bytewise order of the UTF-8 key) or another order's name
plada.generations    pool sizes before each growth and now, ascending: ``50000,60000``
plada.order_made_by  how the order was made, a JSON object; absent with the order ``key``
==================== =============================================================================
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pladafmt import PladaError, PoolRef
from pladafmt.files import replacing
from pladafmt.pool import check_prefixes

from ..errors import PipelineError
from .columns import GrowingStrings, digest_array, digest_rows
from .known_ids import Digests, pool_id_of

VERSION = "1"

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("sha256", pa.binary(32), nullable=False),
        pa.field("size", pa.uint64(), nullable=False),
    ]
)
ROWS_PER_GROUP = 1 << 17
"""Rows that are written, or passed over in reading, together."""

_ROWS_AT_A_TIME = 1 << 14
_BUFFER = 1 << 20
"""Bytes read at a time; without it, Arrow holds the stored columns of a whole row group."""


class Rows(NamedTuple):
    """Some images of a manifest, in pool order.

    Attributes:
        keys: n keys, an Arrow array of strings.
        digests: SHA-256 of the stored image bytes, shape (n, 32), uint8.
        sizes: stored size of each image in bytes, shape (n,), uint64.
    """

    keys: Any
    digests: Digests
    sizes: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Facts:
    """What a manifest says beside its rows.

    Attributes:
        pool: the pool's id, as stated, and size.
        order: name of the order, ``"key"`` by default.
        generations: pool sizes before each growth and now; the last is the pool's size.
        order_made_by: what the publisher says about how the order was made, a JSON object, or None.
    """

    pool: PoolRef
    order: str
    generations: tuple[int, ...]
    order_made_by: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class ManifestRows:
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
    """A manifest that stays on disk: what is read from it takes memory, and nothing else.

    `Manifest` is one in memory. A file may be pickled and used after a fork; it is opened anew for
    each reading, which stops with an error if it has been replaced in between.

    Args:
        path: where it lies.

    Raises:
        PipelineError: if the file is not there, damaged, or no manifest. The rows are not read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        with _readable(self.path):
            self._state = self._look()
            with self._opened() as file:
                metadata = file.metadata.metadata or {}
                _check_layout(file.schema_arrow, metadata, self.path)
                # Not the file's own count, which may be another: rows are found by their groups.
                rows = int(_group_bounds(file)[-1])
        self.facts = _facts(metadata, self.path)
        self._check_count(rows)

    def __len__(self) -> int:
        return self.facts.pool.size

    @property
    def pool(self) -> PoolRef:
        """The pool's id and size. The id is what the file says; see `prefix_id`."""
        return self.facts.pool

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Rows]:
        """Yield the images at the positions from `start` to before `stop`, some at a time.

        Raises:
            PipelineError: if the file is damaged or has been replaced.
        """
        for batch in self._batches(_SCHEMA.names, start, len(self) if stop is None else stop):
            keys, digests, sizes = batch.columns
            yield Rows(keys, digest_rows(digests), sizes.to_numpy(zero_copy_only=False))

    def checked(self) -> Iterator[Rows]:
        """Yield all images like `rows`; their number and order are checked on the way.

        Raises:
            PipelineError: if the file is damaged, has been replaced, or contradicts itself.
        """
        order = _KeyOrder(self) if self.facts.order == "key" else None
        count = 0
        for rows in self.rows():
            count += len(rows.keys)
            if order is not None:
                order.follow(rows.keys)
            yield rows
        self._check_count(count)

    def select(self, positions: npt.ArrayLike, *, check: bool = True) -> ManifestRows:
        """The images at some pool positions.

        Args:
            positions: ascending, none twice, shape (n,), any integers from 0 to N - 1.
            check: read the whole manifest, as `checked` does, and not only what is asked for.

        Raises:
            PipelineError: as `rows` or `checked` does.
        """
        wanted = np.asarray(positions).astype(np.int64)
        start = 0 if check or not len(wanted) else int(wanted[0])
        stop = int(wanted[-1]) + 1 if len(wanted) else 0
        keys, digests = GrowingStrings(), [np.empty((0, 32), np.uint8)]
        for rows in self.checked() if check else self.rows(start, stop):
            behind = start + len(rows.keys)
            first, last = np.searchsorted(wanted, (start, behind))
            if first < last:
                here = wanted[first:last] - start
                keys.extend(rows.keys.take(pa.array(here)))
                digests.append(rows.digests[here])
            start = behind
        return ManifestRows(self.pool, wanted, keys.array(), np.concatenate(digests))

    def prefix_id(self, n: int) -> bytes:
        """The id of the pool made of the first `n` images: an earlier state of a grown pool.

        Computed from the digests, or known on this machine, see `known_ids`.

        Raises:
            ValueError: if `n` is not in 0..N.
            PipelineError: as `rows` does.
        """
        if not 0 <= n <= len(self):
            raise ValueError(f"a prefix of {len(self)} images cannot have {n}")
        return pool_id_of(lambda: self._digests(n), n)

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        A pool that has grown serves the payloads of its earlier states. The manifest's statement
        is not believed: ids follow from its digests.

        Raises:
            pladafmt.errors.Mismatch: if the first ``ref.size`` images are not the pool `ref`.
            PipelineError: as `rows` does.
        """
        check_prefixes(ref, len(self), self.prefix_id)

    def _digests(self, stop: int) -> Iterator[Digests]:
        for batch in self._batches(["sha256"], 0, stop):
            yield digest_rows(batch.column(0))

    def _batches(self, columns: list[str], start: int, stop: int) -> Iterator[Any]:
        """Record batches with no empty cell, of exactly the rows from `start` to before `stop`."""
        if stop <= start:
            return
        with _readable(self.path), self._opened() as file:
            bounds = _group_bounds(file)
            first = int(np.searchsorted(bounds, start, side="right")) - 1
            groups = list(range(first, int(np.searchsorted(bounds, stop))))
            at = int(bounds[first])
            for batch in file.iter_batches(
                _ROWS_AT_A_TIME, row_groups=groups, columns=columns, use_threads=False
            ):
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
                f"sizes {', '.join(map(str, self.facts.generations))}; it is damaged."
            )


def write(path: str | os.PathLike[str], pieces: Iterable[Rows], facts: Facts) -> None:
    """Write a manifest whose rows need not all be in memory, whole or not at all."""
    metadata = {
        "plada.manifest": VERSION,
        "plada.pool_id": facts.pool.id.hex(),
        "plada.order": facts.order,
        "plada.generations": ",".join(map(str, facts.generations)),
    }
    if facts.order_made_by is not None:
        metadata["plada.order_made_by"] = json.dumps(facts.order_made_by, sort_keys=True)
    with (
        replacing(path) as temporary,
        # Digests are noise: no dictionary and no compression for them.
        pq.ParquetWriter(
            temporary,
            _SCHEMA,
            compression={"key": "zstd", "sha256": "none", "size": "zstd"},
            use_dictionary=False,
            column_encoding={"key": "DELTA_BYTE_ARRAY"},
            store_schema=False,
        ) as writer,
    ):
        for group in _groups(pieces):
            writer.write_table(group)
        writer.add_key_value_metadata(metadata)


def _groups(pieces: Iterable[Rows]) -> Iterator[pa.Table]:
    """The same rows in tables of `ROWS_PER_GROUP`, the last one shorter; not one of no rows."""
    waiting = _SCHEMA.empty_table()
    for piece in pieces:
        columns = [
            piece.keys.cast(pa.string()),
            digest_array(piece.digests),
            pa.array(piece.sizes, pa.uint64()),
        ]
        waiting = pa.concat_tables([waiting, pa.Table.from_arrays(columns, schema=_SCHEMA)])
        while len(waiting) >= ROWS_PER_GROUP:
            # Combined, so that the file does not show in which pieces its rows came.
            yield waiting.slice(0, ROWS_PER_GROUP).combine_chunks()
            waiting = waiting.slice(ROWS_PER_GROUP)
    if len(waiting):
        yield waiting.combine_chunks()


def _group_bounds(file: pq.ParquetFile) -> npt.NDArray[np.int64]:
    """The row before which each row group begins, and the number of all rows."""
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    if min(sizes, default=0) < 0:
        raise pa.ArrowInvalid("a row group has less than no rows")
    return np.cumsum([0, *sizes], dtype=np.int64)


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
            f"{name!r} is no readable Parquet file ({exc}), so no manifest; it is damaged or "
            "another file."
        ) from exc


def _check_layout(schema: pa.Schema, metadata: dict[bytes, bytes], name: str) -> None:
    version = metadata.get(b"plada.manifest")
    if version is None:
        raise PipelineError(
            f"{name!r} is a Parquet file but no pool manifest: it has no plada.manifest metadata. "
            "Manifests are made by: plada pool index"
        )
    if version != VERSION.encode():
        raise PipelineError(
            f"{name!r} is a manifest of layout version {version!r}; this program knows version "
            f"{VERSION}. Update the program."
        )
    types = {field.name: field.type for field in schema}
    # A writer that stores Arrow's own schema may call strings large strings.
    if pa.types.is_large_string(types.get("key", pa.null())):
        types["key"] = pa.string()
    if types != {field.name: field.type for field in _SCHEMA}:
        raise PipelineError(
            f"The manifest {name!r} has the columns "
            f"{', '.join(f'{column.name} ({column.type})' for column in schema)}; it needs key "
            "(string), sha256 (32 bytes) and size (uint64)."
        )


def _facts(metadata: dict[bytes, bytes], name: str) -> Facts:
    try:
        pool_id = bytes.fromhex(metadata[b"plada.pool_id"].decode("ascii"))
        order = metadata[b"plada.order"].decode("utf-8")
        generations = tuple(map(int, metadata[b"plada.generations"].decode("ascii").split(",")))
        if len(pool_id) != 32:
            raise ValueError(f"a pool id has 32 bytes, not {len(pool_id)}")
        if not all(a < b for a, b in zip((-1, *generations), generations, strict=False)):
            raise ValueError(f"pool sizes {', '.join(map(str, generations))} do not ascend")
        made_by = json.loads(metadata.get(b"plada.order_made_by", b"null"))
        if made_by is not None and not isinstance(made_by, dict):
            raise ValueError("plada.order_made_by is no JSON object")
        return Facts(PoolRef(pool_id, generations[-1]), order, generations, made_by)
    except (KeyError, ValueError, RecursionError, PladaError) as exc:
        raise PipelineError(
            f"The manifest {name!r} has unusable metadata ({exc}); it is damaged."
        ) from exc


class _KeyOrder:
    """Each generation's keys ascend strictly, which also makes them unique within it."""

    def __init__(self, file: ManifestFile) -> None:
        self._name = file.path
        self._ends = list(file.facts.generations)
        self._at = 0
        self._previous: Any = None

    def follow(self, keys: Any) -> None:
        """Check the keys that come next.

        Raises:
            PipelineError: if one does not ascend.
        """
        while len(keys):
            while self._at == self._ends[0]:  # Several: the first generation may be empty.
                self._ends.pop(0)
                self._previous = None
            here = keys.slice(0, self._ends[0] - self._at)
            keys = keys.slice(len(here))
            if self._previous is not None and here[0].as_py() <= self._previous.as_py():
                self._refuse(here[0], self._previous)
            unordered = pc.less_equal(here.slice(1), here.slice(0, len(here) - 1))
            row = pc.index(unordered, True).as_py()
            if row >= 0:
                self._refuse(here[row + 1], here[row])
            self._at += len(here)
            self._previous = here[-1]

    def _refuse(self, key: Any, previous: Any) -> None:
        raise PipelineError(
            f"The manifest {self._name!r} says that its images are in key order, but the key "
            f"{key.as_py()!r} stands after {previous.as_py()!r}; it was edited or damaged."
        )
