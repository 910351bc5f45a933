"""Find the chunks that are whole in a damaged file, in time linear in its size.

A chunk is *whole* if its header is well formed, it lies within the file, and its CRC fits. Where
whole chunks follow one another, what lies inside them is never looked at. Only where no
whole chunk follows is every byte tried that could be the type of a known chunk; behind the first
one that is whole, the walk goes on.

All of this takes one pass to compute CRCs (`pladafmt.salvage.range_crc`) and one to try the bytes,
however the file is made: a candidate costs the same for any length that it claims. Besides the file
itself, memory holds a table as large as the file, and arrays for a slice of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .. import layout, varint
from ..chunks import Header
from .range_crc import RESIDUE, RangeCrc

_SLICE = 1 << 17
"""Bytes that are tried at a time."""

_FIRST_CHUNK = int(layout.PREAMBLE.sizeof())
"""Where the first chunk stands, whatever bytes the preamble has."""

_CRC_BYTES = 4
_LEAST_BLOCK = 5
"""Bytes of the smallest body of a block: its fields."""

Octets = npt.NDArray[np.uint8]


class Search:
    """The search for whole chunks in one file.

    Attributes:
        bytes_read: how many bytes of the file have been read, all passes together. Not counted are
            the few bytes looked at again for a candidate: its length and up to 3 at either end.
    """

    def __init__(self, data: bytes) -> None:
        self.bytes_read = 0
        self._data = data
        self._octets = np.frombuffer(data, dtype=np.uint8)
        self._crc: RangeCrc | None = None

    def whole_chunks(self, start: int, head_crc: int | None) -> Iterator[Header]:
        """Yield the whole chunks from `start` on, in file order; none overlaps another.

        Args:
            start: where the first chunk should be.
            head_crc: CRC of HEAD, which continues into that of critical chunks; None while there is
                no HEAD, and then only HEAD and ancillary chunks can be recognised.
        """
        expected = at = start
        while at < len(self._data):
            stop = min(at + _SLICE, len(self._data))
            for offset, body, end in self._whole_in(at, stop, head_crc):
                if offset < expected:
                    continue  # Inside the one before.
                kind = self._data[offset]
                place = offset in (expected, _FIRST_CHUNK)
                if not place and kind not in layout.CHUNK_NAMES:
                    continue  # An unknown chunk is believed only where a chunk must be.
                yield Header(kind, offset, body, end)
                expected = end + _CRC_BYTES
            at = max(stop, expected)

    def _whole_in(self, at: int, stop: int, head_crc: int | None) -> Iterator[tuple[int, int, int]]:
        """Yield offset, body and end of the whole chunks that start in `at` to `stop`."""
        if self._crc is None:
            self._crc = RangeCrc(self._data)
            self.bytes_read += len(self._data)
        self.bytes_read += stop - at
        starts, bodies, ends = _candidates(self._octets, at, stop, _types(head_crc is not None))
        seeds = _seeded()[self._octets[starts]] * np.uint32(head_crc or 0)
        found = self._crc.registers(starts, ends + _CRC_BYTES, seeds)
        whole = np.flatnonzero(found == RESIDUE)
        yield from zip(
            starts[whole].tolist(), bodies[whole].tolist(), ends[whole].tolist(), strict=True
        )


def _candidates(
    octets: Octets, at: int, stop: int, types: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return start, body and end of everything from `at` to `stop` with a good header."""
    window = np.zeros(stop - at + 1 + varint.MAX_BYTES, dtype=np.uint8)
    shown = octets[at : at + window.size]
    window[: shown.size] = shown
    starts = np.flatnonzero(types[window[: stop - at]])
    lengths = np.zeros(starts.size, dtype=np.int64)
    sizes = np.zeros(starts.size, dtype=np.int64)
    going = np.ones(starts.size, dtype=bool)
    minimal = np.ones(starts.size, dtype=bool)
    for index in range(varint.MAX_BYTES):
        group = window[starts + 1 + index].astype(np.int64)
        lengths += np.where(going, (group & 0x7F) << 7 * index, 0)
        sizes += going
        if index:
            minimal &= ~(going & (group == 0))
        going &= group >= 0x80
        if not going.any():
            break
    bodies = at + starts + 1 + sizes
    ends = bodies + lengths
    # The window is zero beyond the file, so a length cut short there reaches beyond it as well.
    good = ~going & minimal & (ends + _CRC_BYTES <= octets.size)
    good &= (lengths >= _LEAST_BLOCK) | (window[starts] != layout.BLOCK)
    return at + starts[good], bodies[good], ends[good]


def _types(with_head: bool) -> npt.NDArray[np.bool_]:
    """Return, for each byte, whether a chunk of that type can be recognised."""
    kinds = np.arange(256)
    ancillary = (kinds & layout.ANCILLARY) != 0
    good: npt.NDArray[np.bool_] = (kinds & layout.RESERVED_TYPE_BIT == 0) & (kinds & 0x1F != 0)
    good &= ancillary | (kinds & layout.SAFE_TO_COPY == 0)
    if not with_head:
        good &= ancillary | (kinds == layout.HEAD)
    return good


def _seeded() -> npt.NDArray[np.uint32]:
    """Return, for each byte, 1 if the CRC of a chunk of that type continues HEAD's, else 0."""
    kinds = np.arange(256)
    critical = kinds & layout.ANCILLARY == 0
    return np.asarray(critical & (kinds != layout.HEAD), dtype=np.uint32)
