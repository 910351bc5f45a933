"""Unsigned LEB128 integers up to 2^53-1, in their shortest spelling (specification, section 2)."""

from __future__ import annotations

from .errors import Malformed, Noncanonical
from .limits import MAX_POSITION
from .stored import StoredBytes

MAX_BYTES = 8
"""Bytes of the longest varint: 53 bits in groups of 7."""


def write(value: int) -> bytes:
    """Return the varint of `value`, an integer from 0 to 2^53-1."""
    if not 0 <= value <= MAX_POSITION:
        raise ValueError(f"a varint holds 0 to 2^53-1, not {value}")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read(data: bytes | memoryview | StoredBytes, start: int) -> tuple[int, int]:
    """Read the varint that starts at `start`; return its value and where it ends.

    Raises:
        Malformed: ``truncated`` if the data ends first, ``varint-overflow`` above 2^53-1.
        Noncanonical: ``varint-overlong`` if a shorter spelling exists.
    """
    value = 0
    size = len(data)
    for index in range(MAX_BYTES):
        at = start + index
        if at >= size:
            raise Malformed("truncated", "The data ends inside a varint.", offset=at)
        byte = data[at]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if byte == 0 and index > 0:
                raise Noncanonical(
                    "varint-overlong", "A varint has a needless last byte of zero.", offset=start
                )
            if value > MAX_POSITION:
                break
            return value, at + 1
    raise Malformed("varint-overflow", "A varint exceeds 2^53-1.", offset=start)
