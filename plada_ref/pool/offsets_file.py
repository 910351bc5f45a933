"""Where the images of a pool lie in its tar shards, in a file beside its manifest.

A client of a remote pool would otherwise walk the headers of all shards, which means to fetch them.
The publisher writes ``pool.offsets.npy``: for the image at each pool position the number of its
shard in ``pool.sources.json`` and its place there, in blocks of 512 bytes.

It is a hint: every image is compared with the manifest when it is read.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import PipelineError
from ..limits import limits
from ..storage.fetched import sibling
from .manifest_file import ManifestFile
from .offsets import OffsetIndex

_MANIFEST, _OFFSETS = ".parquet", ".offsets.npy"
_PLACE = np.dtype([("shard", "<u2"), ("block", "<u4")])
_BLOCK = 512


def offsets_beside(manifest: str | os.PathLike[str]) -> Path:
    """Where the file is: ``pool.parquet`` has ``pool.offsets.npy``."""
    path = Path(manifest)
    return path.with_name(path.name.removesuffix(_MANIFEST) + _OFFSETS)


def offsets_bytes(manifest: ManifestFile, index: OffsetIndex) -> bytes:
    """Return the file that says where all images of a manifest lie.

    Args:
        index: of all shards, in the order of the sources.

    Raises:
        PipelineError: if an image is in none of them, or not at a place that can be written.
    """
    pieces = [np.empty(0, _PLACE)]
    for rows in manifest.rows():
        shards, offsets = index.places(rows.keys)
        if (offsets % _BLOCK).any() or (offsets // _BLOCK >= 1 << 32).any():
            raise PipelineError("An image begins at a place in its shard that no tar file has.")
        if len(shards) and int(shards.max()) >= 1 << 16:
            raise PipelineError("The pool has more than 65,536 shards; pack fewer, larger ones.")
        piece = np.empty(len(shards), _PLACE)
        piece["shard"], piece["block"] = shards, offsets // _BLOCK
        pieces.append(piece)
    file = io.BytesIO()
    np.save(file, np.concatenate(pieces), allow_pickle=False)
    return file.getvalue()


class PublishedOffsets:
    """An index of tar shards that is read from such a file in place of the shards.

    Args:
        manifest: whose images they are.
        table: the rows of the file.
    """

    def __init__(self, manifest: ManifestFile, table: npt.NDArray[np.void]) -> None:
        self._manifest = manifest
        self._table = table

    @classmethod
    def beside(cls, manifest: ManifestFile, shards: Sequence[str]) -> PublishedOffsets | None:
        """Open the file beside a manifest; None if there is none that fits.

        Args:
            shards: URLs of the pool's shards, in the order of the sources.
        """
        path = sibling(Path(manifest.path), offsets_beside(manifest.path).name)
        if not path.exists():
            return None
        try:
            table = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError):
            return None  # A hint that cannot be read costs time, not correctness.
        fits = table.dtype == _PLACE and table.shape == (len(manifest),)
        if not fits or (len(table) and int(table["shard"].max()) >= len(shards)):
            return None
        return cls(manifest, table)

    def index(self, keys: pa.LargeStringArray | None = None) -> OffsetIndex:
        """Make the index of all images, or of those with these keys.

        Raises:
            PipelineError: if the manifest is damaged, or an image in it is above the limit.
        """
        kept = [pa.array([], pa.large_string())]
        rows, sizes, start = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], 0
        for listed in self._manifest.rows():
            chosen = np.arange(len(listed.keys))
            if keys is not None:
                chosen = np.flatnonzero(pc.is_in(listed.keys, value_set=keys).to_numpy(False))
            kept.append(listed.keys.take(pa.array(chosen)).cast(pa.large_string()))
            rows.append(start + chosen)
            sizes.append(listed.sizes[chosen])
            start += len(listed.keys)
        found, size = pa.concat_arrays(kept), np.concatenate(sizes).astype(np.uint64)
        if len(size) and int(size.max()) > limits().image:
            raise PipelineError(
                f"The manifest {self._manifest.path!r} lists an image of {int(size.max()):,} "
                f"bytes, and the limit is {limits().image:,} (PLADA_LIMITS=image=N)."
            )
        places = self._table[np.concatenate(rows)]
        order = pc.sort_indices(found).to_numpy()
        offsets = places["block"].astype(np.uint64) * np.uint64(_BLOCK)
        return OffsetIndex(
            found.take(pa.array(order)),
            places["shard"][order].astype(np.uint32),
            offsets[order],
            size[order],
        )
