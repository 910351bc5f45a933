"""What the pipeline asks of images: they have a number, and one opens by its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from pladafmt import PoolRef


class ImageSet(Protocol):
    """Images numbered 0..n-1. Worker processes get a pickled copy."""

    def __len__(self) -> int: ...

    def open_image(self, position: int, /) -> Image.Image:
        """The decoded image of this number.

        Raises:
            PipelineError: if it cannot be read.
        """
        ...


class ImagePool(Protocol):
    """A pool's images by position, such as `plada_ref.pool.StoredPool`."""

    def __len__(self) -> int: ...

    @property
    def ref(self) -> PoolRef:
        """The pool's id and size."""
        ...

    def serve(self, ref: PoolRef, /) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        Raises:
            pladafmt.errors.Mismatch: if it does not.
        """
        ...

    def only(self, positions: npt.ArrayLike, /) -> ImageSet:
        """The images at some pool positions, ascending, ready to be opened by these positions.

        Raises:
            PipelineError: if the pool cannot be read.
        """
        ...


class ImageRows:
    """Some images of a set, numbered anew in the order of `rows`."""

    def __init__(self, images: ImageSet, rows: npt.NDArray[np.int64]) -> None:
        self.images = images
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def open_image(self, position: int, /) -> Image.Image:
        """The image of the row at `position`."""
        return self.images.open_image(int(self.rows[position]))


class ImageArrays:
    """Images that are in memory already: an array (n, height, width) or (n, height, width, 3).

    Args:
        arrays: uint8, grey or RGB.
    """

    def __init__(self, arrays: npt.NDArray[np.uint8] | Sequence[npt.NDArray[np.uint8]]) -> None:
        self.arrays = arrays

    def __len__(self) -> int:
        return len(self.arrays)

    def open_image(self, position: int, /) -> Image.Image:
        """The image, grey or RGB."""
        return Image.fromarray(self.arrays[position])
