"""The manifest: which images a pool has, and in which order; see `manifest_layout` for its file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pladafmt import PoolRef
from pladafmt.pool import check_prefixes

from ..errors import PipelineError
from .columns import GrowingStrings
from .known_ids import pool_id
from .manifest_file import ManifestFile
from .manifest_layout import Metadata, Rows
from .manifest_writer import ROWS_PER_GROUP, write_manifest


@dataclass(frozen=True, eq=False)
class Manifest:
    """The ordered images of a pool of N images.

    Make one with `of_images` or `read`. A `ManifestFile` stays on disk.

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
        """Make the manifest of images that are in pool order already; computes the pool id.

        The caller must make sure that keys are unique and, with ``order="key"``, sorted.
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
        """Compute the id of the pool of the first `n` images: an earlier state of a grown pool.

        Raises:
            ValueError: if `n` is not in 0..N.
        """
        if not 0 <= n <= len(self):
            raise ValueError(f"a prefix of {len(self)} images cannot have {n}")
        return pool_id(self.digests[:n])

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        A pool that has grown serves the payloads of its earlier states. Ids are computed
        from the digests, whatever the manifest states: once on a machine (1.3 seconds per million
        images), and then looked up by the digests' hash, see `known_ids`.

        Raises:
            Mismatch: if the first ``ref.size`` images are not the pool `ref`.
        """
        check_prefixes(ref, len(self), self.prefix_id)

    def check(self) -> None:
        """Check that the pool id that the file states is the one that follows from the digests.

        Raises:
            PipelineError: if it is not.
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
        """Make the manifest of another pool: these images in the order `positions`, named `order`.

        Args:
            positions: a permutation of 0..N-1, shape (N,).
            order: name of the new order.
            made_by: how the order was made, a JSON object.
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
        step = ROWS_PER_GROUP
        pieces = (
            Rows(
                self.keys.slice(start, step),
                self.digests[start : start + step],
                self.sizes[start : start + step],
            )
            for start in range(0, len(self), step)
        )
        metadata = Metadata(self.pool, self.order, self.generations, self.order_made_by)
        write_manifest(path, pieces, metadata)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Manifest:
        """Read a manifest and check its layout, order and counts, but not the pool id.

        Raises:
            PipelineError: if the file is missing, damaged, or not a manifest.
        """
        file = ManifestFile(path)
        keys = GrowingStrings()
        digests, sizes = np.empty((0, 32), np.uint8), np.empty(0, np.uint64)
        for rows in file.checked():
            keys.extend(rows.keys)
            start = len(digests)
            # Grown in place, and by what was found: the file's own count may be a lie.
            digests.resize((start + len(rows.keys), 32), refcheck=False)
            digests[start:] = rows.digests
            sizes.resize(start + len(rows.keys), refcheck=False)
            sizes[start:] = rows.sizes
        metadata = file.metadata
        return cls(
            keys=keys.array(),
            digests=digests,
            sizes=sizes,
            pool=metadata.pool,
            order=metadata.order,
            generations=metadata.generations,
            order_made_by=metadata.order_made_by,
        )
