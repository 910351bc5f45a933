"""Images as the pipeline sees them: a numbered set, or a pool that is opened by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from pladafmt import PoolRef


class ImageSet(Protocol):
    """Images numbered 0..n-1. It can be pickled, for worker processes."""

    def __len__(self) -> int: ...

    def open_image(self, position: int, /) -> Image.Image:
        """Decode the image with this number.

        Raises:
            PipelineError: if it cannot be read.
        """
        ...


@runtime_checkable
class NamedImages(Protocol):
    """An image set, or a dataset of one, whose images have names."""

    def called(self, number: int, /) -> str:
        """What a sentence calls an image: ``The image 'a.png' at position 3 in 'pool.tar'``."""
        ...


def called(images: object, number: int) -> str:
    """What a sentence calls an image of a set, whether it has a name or not."""
    return images.called(number) if isinstance(images, NamedImages) else f"Image {number}"


@runtime_checkable
class PoolImages(ImageSet, Protocol):
    """Images of a pool by position, some of which its owner may not hold."""

    def holds(self, position: int, /) -> bool:
        """Whether the image at a pool position is here; it is not read."""
        ...


@runtime_checkable
class FileSet(ImageSet, Protocol):
    """An image set that also gives the files that its images are stored as."""

    def read(self, position: int, /) -> bytes:
        """Read the stored bytes of the image with this number.

        Raises:
            PipelineError: if they have changed or are missing.
        """
        ...


class ImagePool(Protocol):
    """A pool's images by position, such as `plada_ref.pool.DiskPool`."""

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

    def only(self, positions: npt.ArrayLike, /) -> PoolImages:
        """Prepare the images at some pool positions, ascending, to be opened by these positions.

        Raises:
            PipelineError: if the pool cannot be read.
        """
        ...


class ImageRows:
    """Some images of a set, renumbered in the order of `rows`."""

    def __init__(self, images: ImageSet, rows: npt.NDArray[np.int64]) -> None:
        self.images = images
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def open_image(self, position: int, /) -> Image.Image:
        """Decode the image of row `rows[position]`."""
        return self.images.open_image(int(self.rows[position]))

    def called(self, number: int, /) -> str:
        """What a sentence calls an image."""
        return called(self.images, int(self.rows[number]))


class ImageArrays:
    """Images in memory.

    Args:
        arrays: uint8; shape (n, height, width) for grey, (n, height, width, 3) for RGB, or a
            sequence of n such images of any size.
    """

    def __init__(self, arrays: npt.NDArray[np.uint8] | Sequence[npt.NDArray[np.uint8]]) -> None:
        self.arrays = arrays

    def __len__(self) -> int:
        return len(self.arrays)

    def open_image(self, position: int, /) -> Image.Image:
        """Return the image with this number, grey or RGB."""
        return Image.fromarray(self.arrays[position])
