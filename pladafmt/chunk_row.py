"""Chunks of one type that follow each other, framed and checked together.

`chunks` reads one chunk and says what is wrong with it, which takes some microseconds. A file may
have 65,536 blocks, so this one follows their lengths in one loop and leaves the rest to NumPy. It
knows good chunks only, and ends before the first that is not plainly good.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import crc
from .stored import StoredBytes

MOST_BYTES = 1 << 20
"""Bytes of a row, at most."""

LONGEST = 1 << 14
"""Bytes of a body whose length takes two bytes; a longer one ends the row."""

_FRAME = 6
"""Bytes around a body whose length takes one byte: type, length, CRC."""

Integers = npt.NDArray[np.int64]


class ChunkRow(NamedTuple):
    """Whole chunks, one behind the other; places are counted from the first.

    Attributes:
        octets: their bytes and then some zeros, uint8.
        starts: where each chunk starts, int64, shape (chunks,).
        bodies: where its body starts.
        ends: where its body ends and its CRC starts.
        crcs: that CRC, uint32.
    """

    octets: npt.NDArray[np.uint8]
    starts: Integers
    bodies: Integers
    ends: Integers
    crcs: npt.NDArray[np.uint32]


def read(
    data: bytes | StoredBytes,
    offset: int,
    kind: int,
    *,
    most: int,
    seed: int,
    padding: int,
    fewest: int = 1,
) -> tuple[ChunkRow, int]:
    """Read the chunks of type `kind` from `offset` on, as long as they are good.

    Args:
        most: how many to look at.
        seed: what their CRC continues.
        padding: zeros to have behind them.
        fewest: of fewer none is read: that takes as long as some dozen chunks read one by one.

    Returns:
        The good ones, perhaps none, and the offset of the first chunk that was not looked at.
    """
    window = data[offset : offset + min(most * 1024, MOST_BYTES)]
    edges = _edges(window, kind, most)
    if len(edges) <= fewest:
        return _NONE, offset + edges[-1]
    octets = np.frombuffer(window[: edges[-1]] + bytes(padding), dtype=np.uint8)
    both = np.array(edges, dtype=np.int64)
    starts, ends = both[:-1], both[1:] - 4
    crcs = crc.of_pieces(octets, starts, ends, seed)
    bodies = starts + 2 + (octets[starts + 1] > 127)
    words = np.ndarray(octets.size - 3, "<u4", octets, strides=(1,))
    wrong = np.flatnonzero(words[ends] != crcs)
    good = int(wrong[0]) if wrong.size else len(crcs)
    row = ChunkRow(octets, starts[:good], bodies[:good], ends[:good], crcs[:good])
    return row, offset + edges[-1]


_NOWHERE = np.zeros(0, np.int64)
_NONE = ChunkRow(np.zeros(0, np.uint8), _NOWHERE, _NOWHERE, _NOWHERE, np.zeros(0, np.uint32))


def _edges(window: bytes, kind: int, most: int) -> list[int]:
    """Return where the whole chunks of the type that begin `window` start, and the last ends."""
    at = 0
    edges = [0]
    add = edges.append
    # Three bytes of every chunk are there, since what is behind it takes four.
    size = len(window) - _FRAME
    for _ in range(most):
        if at > size or window[at] != kind:
            break
        length = window[at + 1]
        if length > 127:
            high = window[at + 2]
            if not 0 < high < 128:
                break
            length += ((high - 1) << 7) + 1
        at += length + _FRAME
        add(at)
    if at > len(window):
        edges.pop()
    return edges
