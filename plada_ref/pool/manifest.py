"""The manifest: which images a pool has, and in which order.

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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pladafmt import PoolRef
from pladafmt.files import replacing
from pladafmt.pool import check_prefixes

from ..errors import PipelineError
from .columns import GrowingStrings, digest_array, digest_rows
from .known_ids import pool_id

VERSION = "1"

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("sha256", pa.binary(32), nullable=False),
        pa.field("size", pa.uint64(), nullable=False),
    ]
)
_ROWS_PER_GROUP = 1_000_000
_ROWS_AT_A_TIME = 1 << 14
_BUFFER = 1 << 20
"""Bytes read at a time; without it, Arrow holds the stored columns of a whole row group."""


@dataclass(frozen=True, eq=False)
class Manifest:
    """The ordered images of a pool of N images.

    Make one with `of_images` or `read`.

    Attributes:
        keys: N keys in pool order, an Arrow array: Python strings would take gigabytes.
        digests: SHA-256 of the stored image bytes, shape (N, 32), uint8.
        sizes: stored size of each image in bytes, shape (N,), uint64.
        pool: the pool's id and size. After `read` this is what the file says; `check` recomputes.
        order: name of the order, ``"key"`` by default.
        generations: pool sizes before each growth and now; the last is N.
        order_made_by: what the publisher says about how the order was made, a JSON object, or None.
    """

    keys: pa.LargeStringArray
    digests: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.uint64]
    pool: PoolRef
    order: str = "key"
    generations: tuple[int, ...] = ()
    order_made_by: Mapping[str, Any] | None = None

    @classmethod
    def of_images(
        cls,
        keys: pa.LargeStringArray,
        digests: npt.NDArray[np.uint8],
        sizes: npt.NDArray[np.uint64],
        *,
        order: str = "key",
        generations: tuple[int, ...] = (),
        order_made_by: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """The manifest of images that are in pool order already; computes the pool id.

        The caller sees to it that keys are unique and, with ``order="key"``, sorted.
        """
        count = len(keys)
        pool = PoolRef(pool_id(digests), count)
        return cls(keys, digests, sizes, pool, order, generations or (count,), order_made_by)

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, position: int) -> str:
        """The key of the image at a pool position."""
        return str(self.keys[position].as_py())

    def digest(self, position: int) -> bytes:
        """The SHA-256 (32 bytes) of the image at a pool position."""
        return bytes(self.digests[position])

    def prefix_id(self, n: int) -> bytes:
        """The id of the pool made of the first `n` images: an earlier state of a grown pool.

        Raises:
            ValueError: if `n` is not in 0..N.
        """
        if not 0 <= n <= len(self):
            raise ValueError(f"a prefix of {len(self)} images cannot have {n}")
        return pool_id(self.digests[:n])

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        A pool that has grown serves the payloads of its earlier states. The manifest's statement
        is not believed: ids follow from its digests, computed once on a machine (two seconds per
        million images) and then known by the digests' hash, see `known_ids`.

        Raises:
            Mismatch: if the first ``ref.size`` images are not the pool `ref`.
        """
        check_prefixes(ref, len(self), self.prefix_id)

    def check(self) -> None:
        """Compare the pool id that follows from the digests with the one that the file states.

        Raises:
            PipelineError: if it is not the one that the file states.
        """
        found = self.prefix_id(len(self))
        if found != self.pool.id:
            raise PipelineError(
                f"The manifest states pool id {self.pool.id.hex()}, but its images have "
                f"{found.hex()}; it was edited or damaged, so fetch or make it again."
            )

    def arranged(
        self,
        positions: npt.NDArray[np.int64],
        order: str,
        *,
        made_by: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """The manifest of another pool: these images in the order `positions`, named `order`.

        Args:
            positions: a permutation of 0..N-1, shape (N,).
            order: what the manifest says about how its order was chosen.
            made_by: more about that, an object that JSON can hold.
        """
        return Manifest.of_images(
            self.keys.take(pa.array(positions)),
            self.digests[positions],
            self.sizes[positions],
            order=order,
            order_made_by=made_by,
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the Parquet file, whole or not at all."""
        metadata = {
            "plada.manifest": VERSION,
            "plada.pool_id": self.pool.id.hex(),
            "plada.order": self.order,
            "plada.generations": ",".join(map(str, self.generations)),
        }
        if self.order_made_by is not None:
            metadata["plada.order_made_by"] = json.dumps(self.order_made_by, sort_keys=True)
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
            for start in range(0, len(self), _ROWS_PER_GROUP):
                writer.write_table(self._rows(start, start + _ROWS_PER_GROUP))
            writer.add_key_value_metadata(metadata)

    def _rows(self, start: int, stop: int) -> pa.Table:
        columns = [
            self.keys.slice(start, stop - start).cast(pa.string()),
            digest_array(self.digests[start:stop]),
            pa.array(self.sizes[start:stop], pa.uint64()),
        ]
        return pa.Table.from_arrays(columns, schema=_SCHEMA)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Manifest:
        """Read a manifest and check its layout, order and counts, but not the pool id.

        Raises:
            PipelineError: if the file is not there, damaged, or no manifest.
        """
        name = os.fspath(path)
        try:
            # Not read_table: given a folder or a partitioned path, that guesses more columns.
            with pq.ParquetFile(name, buffer_size=_BUFFER, pre_buffer=False) as file:
                metadata = file.metadata.metadata or {}
                _check_layout(file.schema_arrow, metadata, name)
                columns = _Columns.read(file)
        except FileNotFoundError as exc:
            raise PipelineError(
                f"There is no manifest at {name!r}; make one with: plada pool index"
            ) from exc
        except (OSError, pa.ArrowException, UnicodeDecodeError) as exc:
            raise PipelineError(
                f"{name!r} is no readable Parquet file ({exc}), so no manifest; it is damaged or "
                "another file."
            ) from exc
        return _from_columns(columns, metadata, name)


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


@dataclass(frozen=True, eq=False)
class _Columns:
    """The columns of a manifest's file; `nulls` counts the empty cells."""

    keys: pa.LargeStringArray
    digests: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.uint64]
    nulls: int

    @classmethod
    def read(cls, file: pq.ParquetFile) -> _Columns:
        """Read some rows at a time, so that only these are held twice."""
        keys, nulls = GrowingStrings(), 0
        digests, sizes = np.empty((0, 32), np.uint8), np.empty(0, np.uint64)
        for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=_SCHEMA.names, use_threads=False):
            nulls += sum(column.null_count for column in batch.columns)
            keys.extend(batch.column("key"))
            start = len(digests)
            # Grown in place, and by what was found: the file's own count may be a lie.
            digests.resize((start + len(batch), 32), refcheck=False)
            digests[start:] = digest_rows(batch.column("sha256"))
            sizes.resize(start + len(batch), refcheck=False)
            sizes[start:] = batch.column("size").fill_null(0).to_numpy(zero_copy_only=False)
        return cls(keys.array(), digests, sizes, nulls)


def _from_columns(columns: _Columns, metadata: dict[bytes, bytes], name: str) -> Manifest:
    if columns.nulls:
        raise PipelineError(f"The manifest {name!r} has empty cells; it is damaged.")
    count = len(columns.keys)
    try:
        pool_id = bytes.fromhex(metadata[b"plada.pool_id"].decode("ascii"))
        order = metadata[b"plada.order"].decode("utf-8")
        generations = tuple(map(int, metadata[b"plada.generations"].decode("ascii").split(",")))
        if len(pool_id) != 32:
            raise ValueError(f"a pool id has 32 bytes, not {len(pool_id)}")
        made_by = json.loads(metadata.get(b"plada.order_made_by", b"null"))
        if made_by is not None and not isinstance(made_by, dict):
            raise ValueError("plada.order_made_by is no JSON object")
    except (KeyError, ValueError, RecursionError) as exc:
        raise PipelineError(
            f"The manifest {name!r} has unusable metadata ({exc}); it is damaged."
        ) from exc
    ascending = all(a < b for a, b in zip((-1, *generations), generations, strict=False))
    if not ascending or generations[-1] != count:
        raise PipelineError(
            f"The manifest {name!r} has {count} rows, but its metadata speaks of pool sizes "
            f"{', '.join(map(str, generations))}; it is damaged."
        )
    manifest = Manifest(
        keys=columns.keys,
        digests=columns.digests,
        sizes=columns.sizes,
        pool=PoolRef(pool_id, count),
        order=order,
        generations=generations,
        order_made_by=made_by,
    )
    if order == "key":
        _check_key_order(manifest, name)
    return manifest


def _check_key_order(manifest: Manifest, name: str) -> None:
    """Each generation's keys ascend strictly, which also makes them unique within it."""
    start = 0
    for stop in manifest.generations:
        keys = manifest.keys.slice(start, stop - start)
        unordered = pc.less_equal(keys.slice(1), keys.slice(0, max(0, len(keys) - 1)))
        row = pc.index(unordered, True).as_py()
        if row >= 0:
            raise PipelineError(
                f"The manifest {name!r} says that its images are in key order, but the key "
                f"{keys[row + 1].as_py()!r} stands after {keys[row].as_py()!r}; it was edited or "
                "damaged."
            )
        start = stop
