"""What each way to encode a payload would cost, so that a choice can be seen to pay."""

from __future__ import annotations

from pladafmt import Payload, PladaError, dumps
from pladafmt.writer import Encoding

MANY = 200_000
"""Kept images up to which commands try the ways: that takes seconds."""

_ENCODINGS: tuple[Encoding, ...] = ("bitmap", "delta", "rle")


def file_sizes(payload: Payload, *, block_span: int | None = None) -> dict[str, int]:
    """Return the size of the whole file, in bytes, for each way to encode `payload`.

    A way that the format or the default limits do not allow is left out. ``dense`` is the smallest
    of all ways, for readers with that feature.
    """
    sizes: dict[str, int] = {}
    for encoding in _ENCODINGS:
        try:
            sizes[encoding] = len(dumps(payload, encoding=encoding, block_span=block_span))
        except PladaError:
            continue
    sizes["dense"] = len(dumps(payload, block_span=block_span, dense=True))
    return sizes


def describe(size: int, sizes: dict[str, int]) -> str:
    """Return a sentence that compares a file of `size` bytes with the other ways."""
    others = ", ".join(
        f"{name} {other:,} ({100 * (size / other - 1):+.1f} %)" for name, other in sizes.items()
    )
    return f"This file against other encodings of the same payload: {others}"
