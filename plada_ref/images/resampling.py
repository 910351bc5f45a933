"""The central square of an image at a model's size: by Pillow, or faster with the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]

WORTH = 1 << 25
"""Pixels for which Pillow takes a process a third of a second or more: as long again takes it to
load the compiled loops, which then need a third of the time. Once on a machine they are compiled,
which takes some four seconds."""

MOST = 1 << 24
"""Pixels of an image that the loops take: more are left to Pillow, which counts them in floats."""

Loops = Callable[[Words, int, int, int, int, int], Bytes]
"""`plada_ref.images.bicubic.resample`, as the installed Pillow does it."""


_by_pillow_so_far = 0
"""Pixels of the images that Pillow has resampled in this process."""


def central_square(image: Image.Image, size: int) -> Bytes:
    """Resample the central square of an image: bicubic, antialiased.

    The bytes are those of Pillow's ``resize``, whoever computes them: a process that resamples much
    takes loops that numba compiles, where it is installed.

    Args:
        image: of mode ``L`` or ``RGB``.
        size: height and width of the result, in pixels.

    Returns:
        uint8 of shape (channels, size, size); the channels are the image's, 1 or 3.
    """
    global _by_pillow_so_far
    pixels = image.width * image.height
    if min(image.size) == size or pixels > MOST:  # The first is no more than a copy.
        return _by_pillow(image, size)
    if _by_pillow_so_far < WORTH:
        _by_pillow_so_far += pixels
        return _by_pillow(image, size)
    loops = compiled()
    return _by_pillow(image, size) if loops is None else _by_loops(loops, image, size)


@cache
def compiled() -> Loops | None:
    """Return the compiled loops, or None: without numba, or where Pillow's bytes are others."""
    try:
        from . import bicubic

        for taller_first in (True, False):
            loops = partial(bicubic.resample, taller_first=taller_first)
            if all(_same(loops, image) for image in _samples()):
                return loops
    except Exception:  # numba is missing, switched off, or fails: Pillow does all of it.
        pass
    return None


def _samples() -> list[Image.Image]:
    """Noise, which shows it if a Pillow rounds otherwise, or takes its steps in another order."""
    draw = np.random.default_rng(0)
    shapes = [(90, 120, 3), (230, 60, 3), (61, 47)]
    return [Image.fromarray(draw.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes]


def _same(loops: Loops, image: Image.Image) -> bool:
    pairs = ((_by_loops(loops, image, size), _by_pillow(image, size)) for size in (24, 100))
    return all(np.array_equal(ours, theirs) for ours, theirs in pairs)


def _by_pillow(image: Image.Image, size: int) -> Bytes:
    if image.size != (size, size):
        left, top, side = _square(image)
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image).reshape(size, size, -1).transpose(2, 0, 1).copy()


def _by_loops(loops: Loops, image: Image.Image, size: int) -> Bytes:
    return loops(_words(image), len(image.getbands()), *_square(image), size)


def _square(image: Image.Image) -> tuple[int, int, int]:
    """The left and upper edge and the side of the central square."""
    side = min(image.size)
    return (image.width - side) // 2, (image.height - side) // 2, side


def _words(image: Image.Image) -> Words:
    """Each pixel as a word, its first channel in the lowest byte; not to be written to."""
    if image.mode == "L":
        return np.asarray(image).astype(np.uint32)
    pixels = _lent(image)
    if pixels is None:
        pixels = np.frombuffer(image.tobytes("raw", "RGBX"), np.uint8)
    return pixels.view(np.uint32).reshape(image.height, image.width)


def _lent(image: Image.Image) -> Bytes | None:
    """The memory of an image of mode ``RGB``, four bytes a pixel; None if Pillow cannot lend it."""
    if not hasattr(image, "__arrow_c_array__"):  # Before version 11.2.
        return None
    import pyarrow as pa

    try:
        lent = pa.array(image)
    except ValueError:  # It lies in several pieces.
        return None
    return np.frombuffer(lent.buffers()[-1], np.uint8)  # As to_numpy, in a third of the time.
