"""Split integers: how gaps and run lengths are written (specification, section 7.3).

An integer v of w + 1 bits has the *width* w = floor(log2 v). Widths are few and repeat, so they
compress; the w bits below the leading one are close to noise, so they are set apart, where they do
not spoil the statistics. Two widths share a byte: to an order-0 entropy coder such as Zstd's, a
pair shows how neighbouring widths go together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import Malformed, Noncanonical
from ..loops import backend

WIDE = 15
"""Width nibble that says: 15 or more, see the byte in the second part."""

NARROW = 25
"""Widths that a 32-bit word holds whichever bit of its first byte they start at."""

FEW = 64
"""Integers up to which plain Python is quicker than NumPy."""

LARGE = 4096
"""Integers from which the long way to where each of them starts is the quicker one."""

BATCH = 1 << 13
"""Integers that are converted at a time: what is made on the way stays in the nearest cache."""

MAX_WIDTH = 52
"""Width of 2^53 - 1."""

Integers = npt.NDArray[np.int64]


def encode(values: Integers) -> list[bytes]:
    """Return `values`, 1 to 2^53-1, shape (n,), as three parts: widths, wide, low."""
    widths = widths_of(values)
    nibbles = np.zeros(values.size + values.size % 2, dtype=np.uint8)
    nibbles[: values.size] = np.minimum(widths, WIDE)
    pairs = nibbles[0::2] | (nibbles[1::2] << 4)
    wide = widths[widths >= WIDE]
    return [pairs.tobytes(), wide.tobytes(), _pack_low(values, widths)]


def size_bounds(count: int, most: int) -> tuple[int, int]:
    """Return the least and the most bytes of `count` integers from 1 to `most`."""
    pairs = (count + 1) // 2
    width = most.bit_length() - 1
    wide = count if width >= WIDE else 0
    return pairs, pairs + wide + (count * width + 7) // 8


def decode(stream: bytes, count: int, *, offset: int, field: str) -> Integers:
    """Return the `count` integers that fill `stream`, int64 of shape (count,).

    Raises:
        PladaError: as `decode_into` does.
    """
    values = np.empty(count, dtype=np.int64)
    decode_into(values, stream, offset=offset, field=field)
    return values


def decode_into(out: Integers, stream: bytes, *, offset: int, field: str) -> None:
    """Write the integers that fill `stream` to `out`, which is as long as there are integers.

    Args:
        out: int64 of shape (count,).
        stream: the three parts.
        offset: where the stream starts in the file, for errors.
        field: the stream's name, for errors.

    Raises:
        Malformed: ``integer-width`` for a wide width outside 15 to 52, ``integer-size`` if the
            stream is not exactly as long as the widths say.
        Noncanonical: ``padding-bits`` if an unused nibble or bit is not zero.
    """
    count = out.size
    if count <= FEW:
        few = _decode_few(stream, count)
        if few is not None:
            out[:] = few
            return
    octets = np.frombuffer(stream, dtype=np.uint8)
    pairs = (count + 1) // 2
    if octets.size < pairs:
        raise _wrong_size(offset, field)
    # The low nibble of each byte, then the high one.
    both = octets[:pairs].astype("<u2")
    both |= both << np.uint16(4)
    both &= np.uint16(0x0F0F)
    nibbles = both.view(np.uint8)
    if count % 2 and nibbles[count]:
        raise _padding(offset + pairs - 1, field)
    widths = nibbles[:count]
    low = pairs
    if int(widths.max(initial=0)) == WIDE:
        escaped = np.flatnonzero(widths == WIDE)
        low += escaped.size
        wide = octets[pairs:low]
        if wide.size < escaped.size:
            raise _wrong_size(offset, field)
        if int(wide.min()) < WIDE or int(wide.max()) > MAX_WIDTH:
            raise Malformed(
                "integer-width",
                "A wide integer has a width outside 15 to 52.",
                offset=offset + pairs,
                field=field,
            )
        widths[escaped] = wide
    # In 32 bits while they hold it, which takes half the time.
    bits = int(widths.sum(dtype=np.uint32 if count <= 2**26 else np.int64))
    if octets.size != low + (bits + 7) // 8:
        raise _wrong_size(offset, field)
    if bits % 8 and octets[-1] >> (bits % 8):
        raise _padding(offset + octets.size - 1, field)
    _unpack_low(octets[low:], widths, out)


def _decode_few(stream: bytes, count: int) -> list[int] | None:
    """Return the integers of a stream as plain Python finds them, or None if a rule is broken.

    Each call of NumPy takes as long as a few integers do, and there are two dozen of them.
    """
    pairs = (count + 1) // 2
    widths = [width for pair in stream[:pairs] for width in (pair & 15, pair >> 4)]
    if len(widths) != 2 * pairs or any(widths[count:]):
        return None
    del widths[count:]
    low = pairs
    for index, width in enumerate(widths):
        if width == WIDE:
            if low == len(stream) or not WIDE <= stream[low] <= MAX_WIDTH:
                return None
            widths[index] = stream[low]
            low += 1
    if len(stream) != low + (sum(widths) + 7) // 8:
        return None
    bits = int.from_bytes(stream[low:], "little")
    values = []
    for width in widths:
        leading = 1 << width
        values.append(leading | (bits & (leading - 1)))
        bits >>= width
    return None if bits else values


def widths_of(values: Integers) -> npt.NDArray[np.uint8]:
    """Return floor(log2 v) of integers from 1 to 2^53-1, shape (n,)."""
    widths = np.empty(values.size, dtype=np.uint8)
    for start in range(0, values.size, BATCH):
        # frexp is exact here: every integer up to 2^53 is a double.
        exponents = np.frexp(values[start : start + BATCH].astype(np.float64))[1]
        widths[start : start + BATCH] = exponents - 1
    return widths


def _pack_low(values: Integers, widths: npt.NDArray[np.uint8]) -> bytes:
    """Return the low bits of each value, least significant first, one after the other."""
    some = np.flatnonzero(widths)  # Of a one, nothing is left.
    values, widths = values[some], widths[some]
    ends = np.cumsum(widths, dtype=np.int64)
    starts = ends - widths
    bits = np.zeros(int(ends[-1]) if widths.size else 0, dtype=np.uint8)
    for bit in range(int(widths.max(initial=0))):
        has = widths > bit
        bits[starts[has] + bit] = values[has] >> bit & 1
    return np.packbits(bits, bitorder="little").tobytes()


def _unpack_low(
    octets: npt.NDArray[np.uint8], widths: npt.NDArray[np.uint8], out: Integers
) -> None:
    """Write the values of these widths whose low bits `octets` holds."""
    compiled = backend.loaded()
    if compiled is not None:
        compiled.kernels.unpack_low(compiled.octets(octets.data), widths.view(np.int8), out)
        return
    # A word from any byte holds the 7 bits before a value and all of its own: 4 bytes for values
    # of up to 25 bits, 8 for the longest of 52. The narrow words are much quicker.
    narrow = int(widths.max(initial=0)) <= NARROW
    word: type[np.unsignedinteger[Any]] = np.uint32 if narrow else np.uint64
    size = np.dtype(word).itemsize
    padded = np.zeros(octets.size + size, dtype=np.uint8)
    padded[: octets.size] = octets
    words = np.ndarray(octets.size + 1, np.dtype(word).newbyteorder("<"), padded, strides=(1,))
    bit = 0
    # In batches, so that the intermediate arrays stay in the processor's cache.
    for start in range(0, widths.size, BATCH):
        part = widths[start : start + BATCH]
        starts, bits = (_narrow_starts if narrow and part.size >= LARGE else _starts)(part)
        starts += np.int32(bit & 7)
        # `take` copies words that overlap, so it gets this batch's alone.
        window = words[bit >> 3 : ((bit + bits) >> 3) + 1]
        bit += bits
        low = np.take(window, starts >> 3).astype(word, copy=False)
        low >>= (starts & 7).astype(word)
        leading = np.left_shift(word(1), part.astype(word))
        low &= leading - word(1)
        low |= leading
        out[start : start + BATCH] = low


def _starts(widths: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int32], int]:
    """Return where each value of a batch starts, counted in bits, and how many bits they have."""
    starts = np.cumsum(widths, dtype=np.int32)  # A batch has at most 52 * BATCH bits.
    bits = int(starts[-1])
    starts -= widths
    return starts, bits


def _narrow_starts(widths: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int32], int]:
    """Return what `_starts` does for widths up to `NARROW`, in half the time.

    Eight widths are one number, and a product with 0x0101... has the sums of its lowest 1, 2, ...
    8 bytes as its bytes: none exceeds 8 * `NARROW`, so none runs over into the next.
    """
    whole = np.zeros(-(-widths.size // 8) * 8, dtype=np.uint8)
    whole[: widths.size] = widths
    sums = whole.view("<u8") * _EACH_BYTE
    ends = np.cumsum(sums >> np.uint64(56), dtype=np.int32)
    before = np.left_shift(sums, np.uint64(8)).astype("<u8", copy=False).view(np.uint8)
    starts = np.repeat(np.concatenate(([np.int32(0)], ends[:-1])), 8)
    starts += before
    return starts[: widths.size], int(ends[-1])


_EACH_BYTE = np.uint64(0x0101010101010101)


def _wrong_size(offset: int, field: str) -> Malformed:
    return Malformed(
        "integer-size",
        "A stream of integers is not as long as its widths say.",
        offset=offset,
        field=field,
    )


def _padding(offset: int, field: str) -> Noncanonical:
    return Noncanonical(
        "padding-bits", "An unused bit among integers is not zero.", offset=offset, field=field
    )
