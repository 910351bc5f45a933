"""Unsigned LEB128 integers up to 2^53-1, in their shortest spelling (specification, section 2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .errors import Malformed, Noncanonical
from .limits import MAX_POSITION

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


def read(data: bytes | memoryview, start: int) -> tuple[int, int]:
    """Read the varint that starts at `start`; return its value and where it ends.

    Raises:
        Malformed: ``truncated`` if the data ends first, ``varint-overflow`` above 2^53-1.
        Noncanonical: ``varint-overlong`` if a shorter spelling exists.
    """
    value = 0
    for index in range(MAX_BYTES):
        at = start + index
        if at >= len(data):
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


def write_array(values: npt.NDArray[np.uint64]) -> bytes:
    """Return the varints of `values`, shape (n,), one after the other."""
    values = values.astype(np.uint64, copy=False)
    sizes = np.ones(values.size, dtype=np.int64)
    for group in range(1, MAX_BYTES):
        sizes += values >= np.uint64(1 << (7 * group))
    ends = np.cumsum(sizes)
    starts = ends - sizes
    out = np.empty(int(ends[-1]) if values.size else 0, dtype=np.uint8)
    for group in range(int(sizes.max()) if values.size else 0):
        has = sizes > group
        septets = (values[has] >> np.uint64(7 * group)).astype(np.uint8) & np.uint8(0x7F)
        more = (sizes[has] > group + 1).astype(np.uint8) << 7
        out[starts[has] + group] = septets | more
    return out.tobytes()


def read_array(data: bytes | memoryview, *, offset: int, field: str) -> npt.NDArray[np.uint64]:
    """Read `data`, which holds whole varints and nothing else; return their values, shape (n,).

    `offset` and `field` say where the data stands in the file, for errors. Errors are those of
    `read`, the first faulty varint first.
    """
    octets = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(octets < 0x80)
    starts = np.empty_like(ends)
    if ends.size:
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
    sizes = ends - starts + 1
    values = np.zeros(ends.size, dtype=np.uint64)
    for group in range(min(int(sizes.max(initial=0)), MAX_BYTES)):
        has = sizes > group
        septets = (octets[starts[has] + group] & np.uint8(0x7F)).astype(np.uint64)
        values[has] |= septets << np.uint64(7 * group)
    overflow = (sizes > MAX_BYTES) | (values > MAX_POSITION)
    overlong = (sizes > 1) & (octets[ends] == 0) & (sizes <= MAX_BYTES)
    faults = np.flatnonzero(overflow | overlong)
    if faults.size:
        first = int(faults[0])
        at = offset + int(starts[first])
        if overlong[first]:
            raise Noncanonical(
                "varint-overlong",
                "A varint has a needless last byte of zero.",
                offset=at,
                field=field,
            )
        raise Malformed("varint-overflow", "A varint exceeds 2^53-1.", offset=at, field=field)
    tail = int(ends[-1]) + 1 if ends.size else 0
    if octets.size - tail >= MAX_BYTES:
        raise Malformed(
            "varint-overflow", "A varint exceeds 2^53-1.", offset=offset + tail, field=field
        )
    if tail != octets.size:
        raise Malformed(
            "stream-truncated",
            "The stream ends inside a varint.",
            offset=offset + octets.size,
            field=field,
        )
    return values
