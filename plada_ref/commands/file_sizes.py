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
    """Return a line about the other ways to encode the payload of a file of `size` bytes.

    The smallest comes first; what would be as large as the file is not named.
    """
    others = sorted((other, name) for name, other in sizes.items() if other != size)
    if not others:
        return "Alternatives: none of another size"
    shown = (f"{name} {other:,} bytes ({_against(size, other)})" for other, name in others)
    return f"Alternatives: {', '.join(shown)}"


def _against(size: int, other: int) -> str:
    part = round(100 * abs(other / size - 1)) or "less than 1"
    return f"{part} % {'smaller' if other < size else 'larger'}"
