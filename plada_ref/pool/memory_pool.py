"""A pool whose manifest is in memory: for opening many images, in any order."""

from __future__ import annotations

import numpy.typing as npt

from pladafmt import PoolRef

from .manifest import Manifest
from .source import Source
from .verified import VerifiedImages


class MemoryPool(VerifiedImages):
    """A pool's images by position, with the whole manifest in memory."""

    def __init__(self, manifest: Manifest, source: Source) -> None:
        super().__init__(manifest, source)
        self.manifest = manifest

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        Raises:
            Mismatch: as `Manifest.serve` does.
        """
        self.manifest.serve(ref)

    def only(self, positions: npt.ArrayLike) -> MemoryPool:
        """Return the pool itself, which can open every image."""
        return self
