"""A pool whose manifest stays on disk: only images that are asked for take memory."""

from __future__ import annotations

import numpy.typing as npt

from pladafmt import PoolRef

from .codes import PoolCodes, codes_of
from .freed import give_back
from .manifest_file import ManifestFile
from .source import Source
from .verified import VerifiedImages


class DiskPool:
    """A pool's images, with the manifest on disk.

    Args:
        manifest: its rows are checked when `only` is first called.
        source: where the images lie.
    """

    def __init__(self, manifest: ManifestFile, source: Source) -> None:
        self.manifest = manifest
        self.source = source
        self._checked = False

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def ref(self) -> PoolRef:
        """The pool's id and size, as the manifest states them."""
        return self.manifest.pool

    @property
    def codes(self) -> PoolCodes | None:
        """The codes of its images that lie beside the manifest, None if there are none.

        Raises:
            PipelineError: if something else is there.
        """
        return codes_of(self.manifest.path)

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        Raises:
            Mismatch, PipelineError: as `ManifestFile.serve` does.
        """
        self.manifest.serve(ref)

    def only(self, positions: npt.ArrayLike) -> VerifiedImages:
        """Prepare the images at some positions, ascending; keeps their keys and digests in memory.

        Raises:
            PipelineError: if the manifest or a shard is damaged, or a key is stored twice.
        """
        give_back()
        rows = self.manifest.select(positions, check=not self._checked)
        self._checked = True
        images = VerifiedImages(rows, self.source.only(rows.keys))
        give_back()
        return images
