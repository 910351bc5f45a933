"""Features on disk: computed once, shared by every head and ranking that reads them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from ..errors import PipelineError
from ..images import PIXELS, ImagePool
from ..limits import Limits, limits
from ..models.preparation import Preparation
from ..models.spec import backbone_digest
from .target import Features


def features_beside(scores: Path) -> Path:
    """Where the features of a pool are looked for, and kept, that belong to a score table."""
    return scores.with_name(f"{scores.name}.features")


class FeatureCache:
    """Features of one image set on disk, so that six students need one pass of the backbone.

    Features are kept for each backbone, image preparation and view, in sparse files of N rows; rows
    are filled as they are asked for. They are those of images that were verified when the features
    were computed. Each row has a checksum: a damaged one counts as missing. So does that of an
    image which could not be read, and it is known as such.

    Args:
        folder: made when needed; may be removed at any time.
        name: tells the image set from others, such as the pool id in hex.
        size: number of images N in the set.
    """

    def __init__(self, folder: Path, *, name: str, size: int) -> None:
        self.folder = folder
        self.name = name
        self.size = size

    @classmethod
    def of_pool(cls, folder: Path, pool: ImagePool) -> FeatureCache:
        """The cache of a whole pool's features."""
        return cls(folder, name=pool.ref.id.hex(), size=pool.ref.size)

    def view(
        self,
        network: nn.Module,
        preparation: Preparation,
        *,
        flip: bool,
        departures: Mapping[str, Any] | None = None,
    ) -> CachedView:
        """The cached features of one backbone and view: the images, or their mirror images.

        Args:
            departures: those of the `Compute` that the backbone runs on.
        """
        model: Any = network
        width = int(getattr(model, "head_hidden_size", 0) or model.num_features)
        about = {
            "layout": 1,
            "pixels": PIXELS,
            "images": self.name,
            "size": self.size,
            "backbone": backbone_digest(network),
            "preparation": asdict(preparation),
            "flip": flip,
            "width": width,
        }
        about.update(departures or {})
        allowed = limits()
        if (allowed.pixels, allowed.scans) != (Limits.pixels, Limits.scans):
            about["limits"] = [allowed.pixels, allowed.scans]  # Other images can be read.
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
        return CachedView(self.folder / key, self.size, width)


class CachedView:
    """N rows of features on disk, each present or missing.

    Raises:
        PipelineError: if the disk has no room for them.
    """

    def __init__(self, path: Path, size: int, width: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._size = size
        self._values = _Rows(path.with_suffix(".f16"), np.dtype(np.float16), (size, width))
        self._sums = _Rows(path.with_suffix(".crc"), np.dtype(np.uint32), (size,))

    def missing(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those of `rows` that have no features here, each once, ascending."""
        rows = np.unique(rows)
        stored = self._sums.read(rows)
        good = stored > UNREADABLE
        there = np.flatnonzero(good)
        for start in range(0, len(there), _BATCH):
            part = there[start : start + _BATCH]
            good[part] = _sums(rows[part], self._values.read(rows[part])) == stored[part]
        missing: npt.NDArray[np.int64] = rows[~good]
        return missing

    def unreadable(self) -> npt.NDArray[np.int64]:
        """The rows of images that could not be read, ascending; their features are zeros."""
        found = [np.zeros(0, np.int64)]
        for start in range(0, self._size, _SUMS):
            rows = np.arange(start, min(start + _SUMS, self._size))
            found.append(rows[self._sums.read(rows) == UNREADABLE])
        return np.concatenate(found)

    def put(
        self,
        rows: npt.NDArray[np.int64],
        values: Features,
        *,
        unreadable: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Store features, shape (len(rows), D).

        Args:
            unreadable: those of these rows, as numbers from 0, whose images could not be read.

        Raises:
            PipelineError: if the disk has no room for them; what was stored before stays.
        """
        stored = np.ascontiguousarray(values, np.float16)
        lost = np.zeros(0, np.int64) if unreadable is None else unreadable
        if len(lost):
            stored = stored.copy()
            stored[lost] = 0
        sums = _sums(rows, stored)
        sums[lost] = UNREADABLE
        self._values.write(rows, stored)
        self._sums.write(rows, sums)

    def all(self) -> Features:
        """The features of all N rows, as a memory map; missing ones are zeros."""
        features: Features = self._values.values
        return features

    def get(self, rows: npt.NDArray[np.int64]) -> Features:
        """The features of `rows`, none of which is missing."""
        return self._values.read(rows)


UNREADABLE = 1
"""In place of the checksum of an image that could not be read; 0 is that of a missing row."""

_BATCH = 1 << 12
"""Rows that are in memory at a time while they are checked."""


_SUMS = 1 << 17
"""Checksums that are in memory at a time."""


def _sums(rows: npt.NDArray[np.int64], values: Features) -> npt.NDArray[np.uint32]:
    """Return the checksum of each row and its place, above `UNREADABLE`."""
    found = [
        max(zlib.crc32(value.data, int(row) & 0xFFFFFFFF), UNREADABLE + 1)
        for row, value in zip(rows, values, strict=True)
    ]
    return np.array(found, dtype=np.uint32)


class _Rows:
    """Rows of an array in a sparse file, which is also a memory map.

    Rows are not written through it: the system kills a process that writes to a page for which the
    disk has no room. In a file system in memory (tmpfs), reading a page that was never written is
    enough for that, so rows are not read through it either.
    """

    def __init__(self, path: Path, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
        self._path = path
        length = dtype.itemsize * int(np.prod(shape))
        with _room_for(path), open(path, "ab") as file:
            file.truncate(length)  # New bytes are zero and take no room on the disk.
        self.values: Any = np.memmap(path, dtype=dtype, mode="r", shape=shape)

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Read some rows."""
        found = np.empty((len(rows), *self.values.shape[1:]), self.values.dtype)
        width = found.nbytes // max(1, len(found))
        done = 0
        with open(self._path, "rb", buffering=0) as file:
            for run in _runs(rows):
                file.seek(int(run[0]) * width)
                _read_all(file, found[done : done + len(run)].data.cast("B"))
                done += len(run)
        return found

    def write(self, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> None:
        """Replace some rows, and wait until they are on the disk."""
        stored = np.ascontiguousarray(values, self.values.dtype)
        width = stored.nbytes // max(1, len(stored))
        done = 0
        with _room_for(self._path), open(self._path, "r+b", buffering=0) as file:
            for run in _runs(rows):
                file.seek(int(run[0]) * width)
                _write_all(file, stored[done : done + len(run)].tobytes())
                done += len(run)
            os.fsync(file.fileno())


def _runs(rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Divide rows into runs of neighbours."""
    return np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []


def _read_all(file: io.FileIO, into: memoryview) -> None:
    while len(into):
        taken = file.readinto(into)
        if not taken:
            raise EOFError("a file of features became shorter while it was in use")
        into = into[taken:]


def _write_all(file: io.FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]  # A disk that becomes full takes a part.


@contextmanager
def _room_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise PipelineError(
            f"Features cannot be written to {str(path)!r} ({exc.strerror}); make room or name "
            "another folder, and run the same command again. What was stored before stays."
        ) from exc
