"""What a file may ask for: the limits of models that were made elsewhere, in one place.

Each is checked before the work that it bounds.
"""

from __future__ import annotations

import os

from ..errors import Misuse

MAX_HEADER = 16 << 20
"""Bytes of the header of a safetensors file."""

MAX_CLASSES = 65_536
"""Classes of a trained model."""

MAX_IMG_SIZE = 1024
"""Height and width of a model's input, in pixels, unless `IMG_SIZE_VARIABLE` allows more."""

IMG_SIZE_VARIABLE = "PLADA_MAX_IMG_SIZE"

BATCH_PIXELS = 64 * 384**2
"""Pixels of a batch of large images, those of more than `LARGE` pixels in height and width."""

LARGE = 512


def max_img_size() -> int:
    """The largest height and width of a model's input, in pixels.

    Raises:
        Misuse: if the environment variable that changes it is not a whole number.
    """
    text = os.environ.get(IMG_SIZE_VARIABLE, "")
    if not text:
        return MAX_IMG_SIZE
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) > 0):
        raise Misuse(f"The environment variable {IMG_SIZE_VARIABLE} is a number of pixels.")
    return int(text)


def check_img_size(size: int) -> None:
    """Refuse an input that would cost gigabytes for each image.

    Raises:
        Misuse: if `size` is above `max_img_size`.
    """
    if size > max_img_size():
        raise Misuse(
            f"an input of {size:,} pixels in height and width is more than {max_img_size():,}; to "
            f"allow it, set the environment variable {IMG_SIZE_VARIABLE} to {size}"
        )


def bounded_batch(batch_size: int, img_size: int) -> int:
    """The images of a batch that are run together: fewer than `batch_size` where they are large."""
    if img_size <= LARGE:
        return batch_size
    return max(1, min(batch_size, BATCH_PIXELS // img_size**2))
