"""Pillow's bicubic resampling of 8-bit images, bit for bit, in loops that numba compiles.

Pillow (``Resample.c``) weighs the pixels of a line with integers of 22 binary places, rounds to 8
bits, and does the same with the columns. All of it is exact, so whoever takes the same steps gets
the same bytes. Pillow takes a pixel at a time. Here a weight meets a whole line of neighbours at
once, of which a processor takes 8 or 16 in one instruction: for that, columns are transposed first.

Pixels come as words of 32 bits, the first channel in the lowest byte, as Pillow has them in memory:
words are transposed with a third of the moves.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

if vars(numba.config).get("DISABLE_JIT"):  # By $NUMBA_DISABLE_JIT; plain loops take for ever.
    raise ImportError("numba compiles nothing here")

Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]

PLACES = 22
"""Binary places of a weight."""

SUPPORT = 2.0
"""Pixels on either side that a weight reaches, unless the image is made smaller."""

LINES = 32
"""Lines that are transposed together: they and their sums fit the processor's nearest cache."""


def resample(
    words: Words, channels: int, left: int, top: int, side: int, size: int, *, taller_first: bool
) -> Bytes:
    """Resample a square of an image.

    Args:
        words: shape (height, width).
        channels: how many bytes of each word count, from the lowest.
        left: of the square; pixels around it count as well where a weight reaches them.
        top: likewise.
        side: of the square.
        size: height and width of the result.
        taller_first: make the image lower before it is made narrower where it loses more than twice
            as many lines as columns, as Pillow does since version 13; else narrower first, always.

    Returns:
        uint8 of shape (channels, size, size).
    """
    height, width = words.shape
    across, down = _kept(width, left, side, size), _kept(height, top, side, size)
    planes: Bytes = np.empty((size, channels * size), np.uint8)
    if taller_first and height - size > max(0, 2 * (width - size)):
        lines = np.empty((size, channels * width), np.uint8)
        _weigh(_split(words, channels), *down, lines)
        planes = _split(_weigh_across(_join(lines, channels), channels, *across), channels)
    else:
        _, first, count = down
        needed = words[first[0] : first[-1] + count[-1]]
        narrow = _weigh_across(needed, channels, *across)
        _weigh(_split(narrow, channels), down[0], first - first[0], count, planes)
    return np.ascontiguousarray(planes.reshape(size, channels, size).transpose(1, 0, 2))


def _jit(function: Any) -> Any:
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # There is no folder to keep compiled code in.
        return numba.njit(nogil=True, error_model="numpy")(function)


@lru_cache(64)  # Photographs are of few sizes.
def _kept(length: int, start: int, side: int, size: int) -> Any:
    return _weights(length, start, side, size)


@_jit
def _weights(length: int, start: int, side: int, size: int) -> Any:
    """What the pixels of a line count in those that a part of it becomes.

    Args:
        length: pixels of the line.
        start: where the part begins.
        side: pixels of the part.
        size: what it becomes.

    Returns:
        The weights, int32, a row for each pixel of the result; the first pixel that a row weighs;
        how many it weighs. Beyond these a row is zero.
    """
    scale = side / size
    stretch = max(scale, 1.0)
    reach = SUPPORT * stretch
    weights = np.zeros((size, int(np.ceil(reach)) * 2 + 1), np.int32)
    first = np.empty(size, np.int64)
    count = np.empty(size, np.int64)
    exact = np.empty(weights.shape[1], np.float64)
    shrink = 1.0 / stretch
    for i in range(size):
        centre = start + (i + 0.5) * scale
        first[i] = max(int(centre - reach + 0.5), 0)
        count[i] = min(int(centre + reach + 0.5), length) - first[i]
        total = 0.0
        for k in range(count[i]):
            x = abs((k + first[i] - centre + 0.5) * shrink)
            if x < 1.0:
                exact[k] = (1.5 * x - 2.5) * x * x + 1
            elif x < 2.0:
                exact[k] = (((x - 5) * x + 8) * x - 4) * -0.5
            else:
                exact[k] = 0.0
            total += exact[k]
        for k in range(count[i]):
            weight = exact[k] / total * (1 << PLACES)
            weights[i, k] = int(weight - 0.5) if weight < 0 else int(weight + 0.5)
    return weights, first, count


@_jit
def _weigh(lines: Bytes, weights: Any, first: Any, count: Any, out: Bytes) -> None:
    """Make each line of `out` of some lines, by its row of `weights`."""
    length = out.shape[1]
    sums = np.empty(length, np.int32)
    for i in range(len(out)):
        sums[:] = 1 << (PLACES - 1)
        for k in range(count[i]):
            weight, line = weights[i, k], lines[first[i] + k]
            for x in range(length):
                sums[x] += weight * line[x]
        result = out[i]
        for x in range(length):
            result[x] = min(max(sums[x] >> PLACES, 0), 255)


@_jit
def _weigh_across(words: Words, channels: int, weights: Any, first: Any, count: Any) -> Words:
    """Make each column of the result of some columns, by its row of `weights`."""
    size, left = len(weights), first[0]
    width = first[-1] + count[-1] - left
    first = first - left
    result = np.empty((len(words), size), np.uint32)
    turned = np.zeros((width, LINES), np.uint32)
    sums = np.empty((size, channels * LINES), np.uint8)
    for start in range(0, len(words), LINES):
        part = words[start : start + LINES, left : left + width]
        for x in range(width):
            row, column = turned[x], part[:, x]
            for y in range(len(column)):
                row[y] = column[y]
        _weigh(_split(turned, channels), weights, first, count, sums)
        done, out = _join(sums, channels), result[start : start + LINES]
        for y in range(len(out)):
            row, column = out[y], done[:, y]
            for x in range(size):
                row[x] = column[x]
    return result


@_jit
def _split(words: Words, channels: int) -> Bytes:
    """Set the channels of each line behind one another."""
    length = words.shape[1]
    lines = np.empty((len(words), channels * length), np.uint8)
    for y in range(len(words)):
        row = words[y]
        for channel in range(channels):
            plane = lines[y, channel * length : (channel + 1) * length]
            shift = np.uint32(8 * channel)
            for x in range(length):
                plane[x] = np.uint8(row[x] >> shift)
    return lines


@_jit
def _join(lines: Bytes, channels: int) -> Words:
    """Make words of channels that lie behind one another."""
    length = lines.shape[1] // channels
    words = np.zeros((len(lines), length), np.uint32)
    for y in range(len(lines)):
        row = words[y]
        for channel in range(channels):
            plane = lines[y, channel * length : (channel + 1) * length]
            shift = np.uint32(8 * channel)
            for x in range(length):
                row[x] |= np.uint32(plane[x]) << shift
    return words
