"""What a file may ask for: the limits of models that were made elsewhere, in one place.

Each is checked before the work that it bounds.
"""

from __future__ import annotations

from ..compute.context import Compute
from ..compute.device import suitable_batch
from ..errors import Misuse
from ..limits import limits, raised

MAX_HEADER = 16 << 20
"""Bytes of the header of a safetensors file."""

MAX_CLASSES = 65_536
"""Classes of a trained model."""

BATCH_PIXELS = 64 * 384**2
"""Pixels of a batch of large images, those of more than `LARGE` pixels in height and width."""

LARGE = 512


def check_img_size(size: int) -> None:
    """Refuse an input that would cost gigabytes for each image.

    Raises:
        Misuse: if `size` is above the limit `img_size`.
    """
    most = limits().img_size
    if size > most:
        raise Misuse(
            f"an input of {size:,} pixels in height and width is more than {most:,}; to allow it, "
            f"set {raised('img_size', size)}"
        )


def bounded_batch(batch_size: int, img_size: int) -> int:
    """The images of a batch that are run together: fewer than `batch_size` where they are large."""
    if img_size <= LARGE:
        return batch_size
    return max(1, min(batch_size, BATCH_PIXELS // img_size**2))


def batch_of(compute: Compute, img_size: int) -> int:
    """Images per pass through a model that is not being trained."""
    asked = compute.batch_size or suitable_batch(compute.device, img_size)
    return bounded_batch(asked, img_size)
