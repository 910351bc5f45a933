"""The CRC-32 of any ranges of one byte string, after a single pass over it.

Let Q(i) be the register after the first i bytes, started at 0, and let `shift(r, n)` be the
register r after n zero bytes (`pladafmt.crc_shift`). Then the register after the bytes
from s to e, started at r, is ``shift(r ^ Q(s), e - s) ^ Q(e)``: a few table look-ups, however long
the range. Only every fourth Q is stored, so the table is as large as the byte string.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..crc_shift import WORD, Registers, apply, shift, table_of

Offsets = npt.NDArray[np.int64]

ONES = 0xFFFFFFFF
RESIDUE = 0xDEBB20E3
"""The register after any bytes that end in their own CRC-32, little-endian."""

_STEPS = 256
"""Words that one lane walks; lanes are walked side by side."""

_PIECE = 1 << 20
"""Bytes whose lanes are walked at a time."""


class RangeCrc:
    """CRC registers over ranges of one byte string, which is read once."""

    def __init__(self, data: bytes) -> None:
        self._octets = np.frombuffer(data, dtype=np.uint8)
        self._table = np.zeros(len(data) // WORD + 1, dtype=np.uint32)
        register = 0
        for start in range(0, len(data), _PIECE):
            register = self._fill(start, min(start + _PIECE, len(data)), register)

    def registers(self, starts: Offsets, ends: Offsets, seeds: Registers) -> Registers:
        """Return the register after each range, whose CRC-32 continues the CRC-32 in `seeds`."""
        before = self._at(starts) ^ seeds ^ np.uint32(ONES)
        found: Registers = shift(before, ends - starts) ^ self._at(ends)
        return found

    def _fill(self, start: int, end: int, register: int) -> int:
        """Fill the table for the bytes from `start`, before which the register is `register`.

        The bytes are cut into lanes. Each is walked as if it were the first, and what comes before
        it is added afterwards.
        """
        count = -(-(end - start) // WORD)
        steps = min(_STEPS, math.isqrt(count) + 1)
        lanes = -(-count // steps)
        padded = np.zeros(lanes * steps * WORD, dtype=np.uint8)
        padded[: end - start] = self._octets[start:end]
        words = np.ascontiguousarray(padded.view("<u4").reshape(lanes, steps).T)
        found = np.empty((steps, lanes), dtype=np.uint32)
        by_word, by_lane = table_of(WORD), table_of(steps * WORD).tolist()
        local = np.zeros(lanes, dtype=np.uint32)
        for step in range(steps):
            found[step] = local
            local = apply(by_word, local ^ words[step])
        firsts = []
        for value in local.tolist():
            firsts.append(register)
            after = 0
            for place in range(WORD):
                after ^= by_lane[place][register >> 8 * place & 0xFF]
            register = after ^ value
        carried = np.array(firsts, dtype=np.uint32)
        for step in range(steps):
            found[step] ^= carried
            carried = apply(by_word, carried)
        at = start // WORD
        room = self._table[at : at + lanes * steps]
        room[:] = found.T.reshape(-1)[: room.size]
        # Behind a piece without padding; what comes after padding is never asked for.
        self._table[at + lanes * steps : at + lanes * steps + 1] = register
        return register

    def _at(self, offsets: Offsets) -> Registers:
        """Return the registers before these offsets: the stored one, and up to three bytes on."""
        registers: Registers = self._table[offsets >> 2]
        by_byte = table_of(1)[0]
        left = offsets & 3
        for place in range(WORD - 1):
            where = np.flatnonzero(left > place)
            octets = self._octets[(offsets[where] & ~3) + place]
            old = registers[where]
            registers[where] = by_byte[(old ^ octets) & 0xFF] ^ (old >> 8)
        return registers
