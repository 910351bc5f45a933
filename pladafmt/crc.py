"""CRC-32 of many pieces of the same bytes.

A call of zlib takes as long as NumPy takes for some dozens of bytes in each of many pieces, so
short ones are computed together, byte by byte with the usual table.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import numpy.typing as npt

SHORT = 40
"""Bytes of a piece that is computed with others."""

_ONES = np.uint32(0xFFFFFFFF)

_TABLE = np.array(
    [crc32(bytes([octet]), 0xFFFFFFFF) ^ 0xFFFFFFFF for octet in range(256)], dtype=np.uint32
)


def of_pieces(
    octets: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    seed: int,
) -> npt.NDArray[np.uint32]:
    """Return the CRC-32 of each piece, uint32, shape (pieces,).

    Args:
        starts: where in `octets` each piece starts, int64, shape (pieces,).
        ends: where it ends.
        seed: the CRC that each continues.
    """
    sizes = ends - starts
    crcs = np.empty(sizes.size, dtype=np.uint32)
    short = np.flatnonzero(sizes <= SHORT)
    crcs[short] = _of_short(octets, starts[short], sizes[short], seed)
    long = np.flatnonzero(sizes > SHORT)
    places = zip(starts[long].tolist(), ends[long].tolist(), strict=True)
    crcs[long] = [crc32(octets.data[start:end], seed) for start, end in places]
    return crcs


def _of_short(
    octets: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    seed: int,
) -> npt.NDArray[np.uint32]:
    crcs = np.full(sizes.size, seed, dtype=np.uint32) ^ _ONES
    least = int(sizes.min(initial=SHORT))
    for index in range(int(sizes.max(initial=0))):
        # Of those that have so many bytes: at first all of them.
        these = slice(None) if index < least else np.flatnonzero(sizes > index)
        crc = crcs[these]
        low = (crc ^ octets[starts[these] + index]) & np.uint32(0xFF)
        crcs[these] = _TABLE[low] ^ (crc >> np.uint32(8))
    return crcs ^ _ONES
