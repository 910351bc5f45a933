"""What a reader is willing to hold, and the bounds that the format itself sets."""

from __future__ import annotations

from dataclasses import dataclass

MAX_POSITION = 2**53 - 1
"""Largest integer in a file: exact in an IEEE double, so in every language."""

MAX_CLASSES = 65_536
MAX_NAME_BYTES = 255
MAX_BITMAP_SPAN = 2**28
MAX_ZSTD_WINDOW = 8 * 2**20
MAX_METADATA_DEPTH = 16


MAX_BITMAP_SPAN_PER_IMAGE = 4096


def most_bitmap_span(count: int) -> int:
    """Return the largest span of a bitmap that keeps `count` images: work follows the images."""
    return min(MAX_BITMAP_SPAN, MAX_BITMAP_SPAN_PER_IMAGE * count)


def work_of_rule(images: int, classes: int, columns: int) -> int:
    """Return the work of evaluating a rule: a multiplication per image, class and column.

    To decode a weight counts as much as 2^18 multiplications.
    """
    return (images + 2**18) * classes * columns


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Upper bounds that a reader applies before it allocates anything.

    The defaults are those of the specification: every reader accepts files within them.

    Attributes:
        kept: most kept images.
        stream: largest decoded size of one stream, in bytes.
        blocks: most blocks.
        class_map: largest decoded class map, in bytes.
        metadata: largest decoded metadata, in bytes.
        work: most work that a rule may ask for, see `work_of_rule`.
        dense: most images in dense streams where numba is not at hand, which takes a hundred times
            as long; with numba they are bounded by `kept` alone.
    """

    kept: int = 2**24
    stream: int = 64 * 2**20
    blocks: int = 65_536
    class_map: int = 2**20
    metadata: int = 64 * 2**10
    work: int = 2**41
    dense: int = 2**21
