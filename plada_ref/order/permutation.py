"""The permutation file: what a publisher ships so that clients get the semantic order.

It is a `.plada` payload. Its pool is the pool in key order, every image is kept, and the label of
an image is its bin: ``bins(i) = label``. The new order is by bin, and among the images of one
bin by key, so about one byte per image says it all; a list of positions would take log2(N) bits.
The payload's metadata has one member, ``plada_order``:

========= ==========================================================================================
layout    1
pool_id   id of the pool in the new order, in hexadecimal; who applies the file compares it
order     name of the order, for the manifest
made_by   object: how it was made, for the manifest
========= ==========================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from pladafmt import Limits, Payload, PoolRef, dumps, load
from pladafmt.files import write_whole

from ..errors import PipelineError
from ..pool import Manifest
from ..pool.permutation_mark import PERMUTATION
from .bins import Bins, permutation_of

_LAYOUT = 1


@dataclass(frozen=True, eq=False)
class Permutation:
    """The way from the key order of a pool to another order.

    Attributes:
        base: the pool in key order.
        result: the same images in the new order.
        bins: the bin of each image in key order, shape (N,), uint16.
        order: name of the new order.
        made_by: how it was made.
    """

    base: PoolRef
    result: PoolRef
    bins: Bins
    order: str
    made_by: Mapping[str, Any]

    @classmethod
    def of_bins(
        cls, base: Manifest, bins: Bins, *, order: str, made_by: Mapping[str, Any]
    ) -> Permutation:
        """The permutation of a manifest in key order."""
        result = base.arranged(permutation_of(bins), order).pool
        return cls(base.pool, result, bins, order, made_by)

    def apply(self, manifest: Manifest) -> Manifest:
        """The manifest in the new order.

        Args:
            manifest: the pool's images in any order, as `plada pool index` lists them.

        Raises:
            PipelineError: if the permutation is for other images, or leads to another pool than
                it says.
        """
        base = in_key_order(manifest)
        if base.pool != self.base:
            raise PipelineError(
                f"The permutation is for the {self.base.size:,} images whose pool id in key order "
                f"is {self.base.id.hex()}, but this manifest lists {base.pool.size:,} images with "
                f"{base.pool.id.hex()}; use it with the images it was made for. If this pool has "
                "grown, index the first images alone, apply the permutation, and extend."
            )
        found = base.arranged(permutation_of(self.bins), self.order, made_by=self.made_by)
        if found.pool != self.result:
            raise PipelineError(
                f"The permutation leads to the pool {found.pool.id.hex()}, but says that it leads "
                f"to {self.result.id.hex()}; it is damaged, so fetch it again."
            )
        return found

    def encoded(self) -> bytes:
        """The file's bytes."""
        count = len(self.bins)
        metadata = {
            PERMUTATION: {
                "layout": _LAYOUT,
                "pool_id": self.result.id.hex(),
                "order": self.order,
                "made_by": dict(self.made_by),
            }
        }
        payload = Payload(
            self.base,
            int(self.bins.max()) + 1 if count else 1,
            np.arange(count),
            self.bins,
            metadata=metadata,
        )
        return dumps(payload, dense=True, limits=_limits(count))

    def write(self, path: str | os.PathLike[str]) -> int:
        """Write the file, whole or not at all, and return its length in bytes."""
        data = self.encoded()
        write_whole(path, data)
        return len(data)

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, images: int) -> Permutation:
        """Read a permutation for a pool of at most `images` images.

        Raises:
            PipelineError: if the file is not there, or a payload but no permutation.
            PladaError: if it is no valid payload.
        """
        name = os.fspath(path)
        try:
            payload = load(name, limits=_limits(images))
        except FileNotFoundError as exc:
            raise PipelineError(f"There is no permutation file at {name!r}.") from exc
        try:
            facts = (payload.metadata or {})[PERMUTATION]
            if facts["layout"] != _LAYOUT:
                raise PipelineError(
                    f"The permutation {name!r} is of layout {facts['layout']!r:.60}; this program "
                    f"knows layout {_LAYOUT}. Update the program."
                )
            result = PoolRef(_pool_id(facts["pool_id"]), payload.pool.size)
            order, made_by = facts["order"], facts["made_by"]
            if not isinstance(order, str) or not isinstance(made_by, dict) or order == "key":
                raise ValueError("its order has no name, or it does not say how it was made")
            if payload.kept != payload.pool.size:
                raise ValueError(f"it has {payload.kept} of {payload.pool.size} images")
        except (KeyError, TypeError, ValueError) as exc:
            raise PipelineError(
                f"{name!r} is a payload but no usable permutation ({exc}); permutations are "
                "written by: plada pool order --permutation"
            ) from exc
        return cls(payload.pool, result, payload.labels, order, made_by)


def in_key_order(manifest: Manifest) -> Manifest:
    """The manifest of the same images in bytewise order of their keys, whatever its order is."""
    return manifest.arranged(rows_in_key_order(manifest), "key")


def rows_in_key_order(manifest: Manifest) -> npt.NDArray[np.int64]:
    """The positions of a manifest's images in bytewise order of their keys, shape (N,)."""
    rows: npt.NDArray[np.int64] = pc.sort_indices(manifest.keys).to_numpy().astype(np.int64)
    return rows


def _pool_id(text: Any) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != 32:
        raise ValueError(f"a pool id has 32 bytes, not {len(found)}")
    return found


def _limits(images: int) -> Limits:
    """The default limits, or higher ones for a large pool: every image has a label."""
    default = Limits()
    return Limits(
        kept=max(default.kept, images),
        # Labels of 16 bits, and room for how the encodings may swell.
        stream=max(default.stream, 4 * images),
    )
