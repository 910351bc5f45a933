"""Bitmap: one bit per position of the range, least significant bit first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...errors import Malformed, Noncanonical

FIELD = "BLOCK.positions"

BATCH = 1 << 16
"""Positions that are set, or bytes that are read, at a time."""

SMALL = 4096
"""Bytes of a bitmap that is unpacked whole."""


def encode(relative: npt.NDArray[np.int64], span: int) -> list[bytes]:
    """Return the bitmap of `relative` over `span` positions, one part."""
    octets = np.zeros((span + 7) // 8, dtype=np.uint8)
    for start in range(0, relative.size, BATCH):
        part = relative[start : start + BATCH]
        index = part >> 3
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        bits = (1 << (part & 7)).astype(np.uint8)
        # The first byte may be the last one of the batch before.
        octets[index[starts]] |= np.bitwise_or.reduceat(bits, starts)
    return [octets.tobytes()]


def size_bounds(span: int, count: int) -> tuple[int, int]:
    """Return the least and the most bytes of a valid stream."""
    size = (span + 7) // 8
    return size, size


def decode(stream: bytes, span: int, count: int, offset: int) -> npt.NDArray[np.int64]:
    """Return the relative positions of a bitmap of the right size.

    Raises:
        Noncanonical: ``padding-bits`` for bits set beyond the range, ``block-not-tight`` if the
            first or last position of the range is not kept.
        Malformed: ``position-count`` if another number than `count` is kept.
    """
    octets = np.frombuffer(stream, dtype=np.uint8)
    if span % 8 and octets[-1] >> (span % 8):
        raise Noncanonical(
            "padding-bits",
            "A bit is set beyond the end of the bitmap.",
            offset=offset,
            field=FIELD,
        )
    found = int(np.bitwise_count(octets).sum(dtype=np.int64))
    if found != count:
        raise Malformed(
            "position-count",
            f"The bitmap keeps {found} images; the block says {count}.",
            offset=offset,
            field=FIELD,
        )
    if not octets[0] & 1 or not octets[-1] >> ((span - 1) % 8) & 1:
        raise Noncanonical(
            "block-not-tight",
            "The first or last position of the block's range is not kept.",
            offset=offset,
            field=FIELD,
        )
    if octets.size <= SMALL:
        return np.flatnonzero(np.unpackbits(octets, bitorder="little"))
    relative = np.empty(count, dtype=np.int64)
    done = 0
    for start in range(0, octets.size, BATCH):
        part = octets[start : start + BATCH]
        # Only bytes that keep something are unpacked: work follows the count, not the span.
        full = np.flatnonzero(part)
        bits = np.flatnonzero(np.unpackbits(part[full], bitorder="little"))
        relative[done : done + bits.size] = ((full[bits >> 3] + start) << 3) | (bits & 7)
        done += bits.size
    return relative
