"""The CRC-32 of any ranges of one byte string, after a single pass over it.

A CRC's register is linear over GF(2). Let Q(i) be the register after the first i bytes, started
at 0, and let `shift(r, n)` be the register r after n zero bytes. Then the register after the bytes
from s to e, started at r, is ``shift(r ^ Q(s), e - s) ^ Q(e)``: a few table look-ups, however long
the range. Only every fourth Q is stored, so the table is as large as the byte string.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

Registers = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]

ONES = 0xFFFFFFFF
RESIDUE = 0xDEBB20E3
"""The register after any bytes that end in their own CRC-32, little-endian."""

_POLYNOMIAL = 0xEDB88320
_WORD = 4
_DIGITS = 10
"""Hexadecimal digits of the longest range."""

_STEPS = 256
"""Words that one lane walks; lanes are walked side by side."""

_PIECE = 1 << 20
"""Bytes whose lanes are walked at a time."""


class RangeCrc:
    """CRC registers over ranges of one byte string, which is read once."""

    def __init__(self, data: bytes) -> None:
        self._octets = np.frombuffer(data, dtype=np.uint8)
        self._table = np.zeros(len(data) // _WORD + 1, dtype=np.uint32)
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
        count = -(-(end - start) // _WORD)
        steps = min(_STEPS, math.isqrt(count) + 1)
        lanes = -(-count // steps)
        padded = np.zeros(lanes * steps * _WORD, dtype=np.uint8)
        padded[: end - start] = self._octets[start:end]
        words = np.ascontiguousarray(padded.view("<u4").reshape(lanes, steps).T)
        found = np.empty((steps, lanes), dtype=np.uint32)
        by_word, by_lane = _table_of(_WORD), _table_of(steps * _WORD).tolist()
        local = np.zeros(lanes, dtype=np.uint32)
        for step in range(steps):
            found[step] = local
            local = _apply(by_word, local ^ words[step])
        firsts = []
        for value in local.tolist():
            firsts.append(register)
            after = 0
            for place in range(_WORD):
                after ^= by_lane[place][register >> 8 * place & 0xFF]
            register = after ^ value
        carried = np.array(firsts, dtype=np.uint32)
        for step in range(steps):
            found[step] ^= carried
            carried = _apply(by_word, carried)
        at = start // _WORD
        room = self._table[at : at + lanes * steps]
        room[:] = found.T.reshape(-1)[: room.size]
        # Behind a piece without padding; what comes after padding is never asked for.
        self._table[at + lanes * steps : at + lanes * steps + 1] = register
        return register

    def _at(self, offsets: Offsets) -> Registers:
        """Return the registers before these offsets: the stored one, and up to three bytes on."""
        registers: Registers = self._table[offsets >> 2]
        by_byte = _table_of(1)[0]
        left = offsets & 3
        for place in range(_WORD - 1):
            where = np.flatnonzero(left > place)
            octets = self._octets[(offsets[where] & ~3) + place]
            old = registers[where]
            registers[where] = by_byte[(old ^ octets) & 0xFF] ^ (old >> 8)
        return registers


def shift(registers: Registers, lengths: Offsets) -> Registers:
    """Return each register after as many zero bytes as `lengths` says."""
    tables = _tables()
    digit = 0
    while digit < _DIGITS and lengths.any():
        flat = tables[digit].reshape(-1)
        base = (lengths & 15) << 10
        registers = (
            flat[base | (registers & 0xFF)]
            ^ flat[base | 256 | (registers >> 8 & 0xFF)]
            ^ flat[base | 512 | (registers >> 16 & 0xFF)]
            ^ flat[base | 768 | (registers >> 24)]
        )
        lengths = lengths >> 4
        digit += 1
    return registers


def _apply(table: Registers, registers: Registers) -> Registers:
    """Return what the linear map whose `table`, shape (4, 256), lists its bytes' images makes."""
    found: Registers = (
        table[0][registers & 0xFF]
        ^ table[1][registers >> 8 & 0xFF]
        ^ table[2][registers >> 16 & 0xFF]
        ^ table[3][registers >> 24]
    )
    return found


def _octets_in_place() -> Registers:
    """Return the registers with a single byte set, shape (4, 256): place, value."""
    values = np.arange(256, dtype=np.uint32)
    return np.stack([values << np.uint32(8 * place) for place in range(_WORD)])


@cache
def _table_of(length: int) -> Registers:
    """Return the table, shape (4, 256), of the map to the register `length` zero bytes later."""
    octets = _octets_in_place()
    lengths = np.full(octets.size, length, dtype=np.int64)
    return shift(octets.reshape(-1), lengths).reshape(octets.shape)


@cache
def _tables() -> Registers:
    """Return the tables of the maps by ``value * 16 ** digit`` zero bytes: digit, value, 4, 256."""
    tables = np.empty((_DIGITS, 16, _WORD, 256), dtype=np.uint32)
    octets = _octets_in_place()
    unit: Registers = octets >> np.uint32(8)
    last = octets[0].copy()
    for _ in range(8):
        last = (last >> 1) ^ (last & 1) * np.uint32(_POLYNOMIAL)
    unit[0] = last
    for digit in range(_DIGITS):
        at: Registers = octets
        for value in range(16):
            tables[digit, value] = at
            at = _apply(unit, at)
        unit = at
    return tables
