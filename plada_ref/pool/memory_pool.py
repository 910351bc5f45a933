"""A pool whose manifest is in memory: for opening many images, in any order."""

from __future__ import annotations

import os

import numpy.typing as npt

from pladafmt import PoolRef

from .codes import PoolCodes, codes_of
from .manifest import Manifest
from .source import Source
from .verified import VerifiedImages


class MemoryPool(VerifiedImages):
    """A pool's images by position, with the whole manifest in memory.

    Args:
        manifest: which images it has.
        source: where they lie.
        path: of the manifest's file, if it has one: codes are looked for beside it.
    """

    def __init__(
        self, manifest: Manifest, source: Source, path: str | os.PathLike[str] | None = None
    ) -> None:
        super().__init__(manifest, source)
        self.manifest = manifest
        self._path = path

    @property
    def codes(self) -> PoolCodes | None:
        """The codes of its images that lie beside the manifest, None if there are none.

        Raises:
            PipelineError: if something else is there.
        """
        return None if self._path is None else codes_of(self._path)

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        Raises:
            Mismatch: as `Manifest.serve` does.
        """
        self.manifest.serve(ref)

    def only(self, positions: npt.ArrayLike) -> MemoryPool:
        """Return the pool itself, which can open every image."""
        return self
