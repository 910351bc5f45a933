"""A pool whose images are decoded once for many short trainings, and held at their small size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.utils.data import Dataset

from pladafmt import PoolRef

from ..compute.batches import in_order, loaded
from ..images import ImagePool, ImageSet, PoolImages, called
from ..models.preparation import Preparation

HELD_BYTES = 1 << 30
"""Pixels that are held at most; what is beyond them is decoded each time."""

_BATCH = 256


class DecodedPool:
    """The images of a pool as a preparation stores them: cropped, small, grey where it is.

    To prepare such an image again with the same size changes no pixel.

    Args:
        pool: the images; those that are asked for have to decode.
        preparation: how they are made small.
        workers: processes that decode them, as `plada_ref.compute.context.Compute` has them.
    """

    def __init__(self, pool: ImagePool, preparation: Preparation, workers: int | None) -> None:
        self._pool = pool
        self._preparation = preparation
        self._workers = workers
        self._held: dict[int, npt.NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self._pool)

    @property
    def ref(self) -> PoolRef:
        """The pool's id and size."""
        return self._pool.ref

    def serve(self, ref: PoolRef, /) -> None:
        """Check that this is the pool of `ref`, as the pool itself does."""
        self._pool.serve(ref)

    def only(self, positions: npt.ArrayLike, /) -> PoolImages:
        """Decode the images at some positions that are not held yet.

        Raises:
            PipelineError: if one cannot be read.
        """
        asked = np.asarray(positions).astype(np.int64)
        there = np.fromiter(self._held, np.int64, len(self._held))
        missing = np.setdiff1d(asked, there)
        one = self._preparation.channels * self._preparation.stored_size**2
        if (len(there) + len(missing)) * one > HELD_BYTES:
            return self._pool.only(asked)
        if len(missing):
            images = _Prepared(self._pool.only(missing), missing, self._preparation)
            batches = in_order(len(missing), _BATCH)
            row = 0
            for pixels in loaded(images, batches, workers=self._workers):
                for image in pixels.numpy():
                    self._held[int(missing[row])] = image
                    row += 1
        return _HeldImages(self._held, len(self._pool))


class _Prepared(Dataset[torch.Tensor]):
    def __init__(
        self, images: ImageSet, rows: npt.NDArray[np.int64], preparation: Preparation
    ) -> None:
        self.images = images
        self.rows = rows
        self.preparation = preparation

    def __len__(self) -> int:
        return len(self.rows)

    def called(self, index: int) -> str:
        """What a sentence calls an image."""
        return called(self.images, int(self.rows[index]))

    def __getitem__(self, index: int) -> Any:
        return self.preparation(self.images.open_image(int(self.rows[index])))


class _HeldImages:
    def __init__(self, held: dict[int, npt.NDArray[np.uint8]], size: int) -> None:
        self._held = held
        self._size = size

    def __len__(self) -> int:
        return self._size

    def holds(self, position: int, /) -> bool:
        return position in self._held

    def open_image(self, position: int, /) -> Image.Image:
        pixels = self._held[position]
        return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
