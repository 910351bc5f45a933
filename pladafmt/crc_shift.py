"""What zero bytes make of a CRC-32, and so what two pieces have together.

A CRC's register is linear over GF(2): the register after some bytes is the one that they lead to
from 0, plus what as many zero bytes make of the register before them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Registers = npt.NDArray[np.uint32]

WORD = 4
"""Bytes of a register."""

_POLYNOMIAL = 0xEDB88320
_DIGITS = 10
"""Hexadecimal digits of the longest range."""


def joined(first: int, second: int, length: int) -> int:
    """Return the CRC-32 of two pieces, by that of each and the bytes of the second."""
    after = shift(np.array([first], np.uint32), np.array([length], np.int64))
    return int(after[0]) ^ second


def shift(registers: Registers, lengths: npt.NDArray[np.int64]) -> Registers:
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


def apply(table: Registers, registers: Registers) -> Registers:
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
    return np.stack([values << np.uint32(8 * place) for place in range(WORD)])


@cache
def table_of(length: int) -> Registers:
    """Return the table, shape (4, 256), of the map to the register `length` zero bytes later."""
    octets = _octets_in_place()
    lengths = np.full(octets.size, length, dtype=np.int64)
    return shift(octets.reshape(-1), lengths).reshape(octets.shape)


@cache
def _tables() -> Registers:
    """Return the tables of the maps by ``value * 16 ** digit`` zero bytes: digit, value, 4, 256."""
    tables = np.empty((_DIGITS, 16, WORD, 256), dtype=np.uint32)
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
            at = apply(unit, at)
        unit = at
    return tables
