"""Decode many small blocks at once: a call of NumPy takes as long as dozens of images do.

It knows good streams only. Where anything is odd it decodes none of them: `read.decode` then takes
one block after the other, and says of the first bad one what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import varint
from ..errors import PladaError
from ..head import Head
from . import encodings, labels, read
from .integers import MAX_WIDTH, WIDE

MOST = 512
"""Images of a block that is decoded with others: so many distances never exceed 63 bits."""

Integers = npt.NDArray[np.int64]

_PADDING = bytes(8)
"""What follows all streams, so that a word can be read at each byte of them."""


@dataclass(slots=True)
class _Streams:
    """A stream of each block in a row.

    Attributes:
        data: all of them and `_PADDING`, uint8.
        starts: where each starts in `data`, int64, shape (blocks,).
        sizes: their sizes in bytes, int64, shape (blocks,).
    """

    data: npt.NDArray[np.uint8]
    starts: Integers
    sizes: Integers

    @classmethod
    def of(cls, streams: Sequence[bytes]) -> _Streams:
        sizes = np.array([len(stream) for stream in streams], dtype=np.int64)
        data = np.frombuffer(b"".join([*streams, _PADDING]), dtype=np.uint8)
        return cls(data, np.cumsum(sizes) - sizes, sizes)


class _Odd(Exception):
    """The streams are not all plainly good."""


def _require(*holds: Any) -> None:
    if not all(holds):
        raise _Odd


def fits(fields: read.Fields) -> bool:
    """Whether a block is one that can be decoded with others."""
    return fields.count <= MOST and fields.encoding in _DECODERS and not fields.shift


def decode(blocks: Sequence[read.Fields], head: Head) -> read.Block | None:
    """Return what `read.decode` returns of these blocks, put together, or None if anything is odd.

    Args:
        blocks: one or more, each of which `fits`.
    """
    try:
        return _decode(blocks, head)
    except (PladaError, _Odd):
        return None


def _decode(blocks: Sequence[read.Fields], head: Head) -> read.Block:
    sizes = [read.decoded_sizes(fields, head) for fields in blocks]
    counts = np.array([fields.count for fields in blocks], dtype=np.int64)
    starts = np.cumsum(counts) - counts
    positions = np.empty(int(counts.sum()), dtype=np.int64)
    for encoding in {fields.encoding for fields in blocks}:
        alike = [at for at, fields in enumerate(blocks) if fields.encoding == encoding]
        found = _positions([blocks[at] for at in alike], [sizes[at][0] for at in alike])
        positions[_ranges(starts[alike], counts[alike])] = found
    coded = [fields.labels.decode(size) for fields, (_, size, _) in zip(blocks, sizes, strict=True)]
    labels_found = _labels(_Streams.of(coded), counts, head.classes)
    each_codes = (
        read.weight_codes(fields, head, size)
        for fields, (_, _, size) in zip(blocks, sizes, strict=True)
    )
    codes = [found for found in each_codes if found is not None]
    return read.Block(
        positions.view(np.uint64),
        labels_found,
        np.concatenate(codes) if codes else None,
        reduce(or_, (fields.used for fields in blocks)),
        max(map(max, sizes)),
    )


def _positions(blocks: Sequence[read.Fields], sizes: Sequence[int]) -> Integers:
    """Return the positions of blocks of one encoding, whose streams decode to these sizes."""
    stored = zip(blocks, sizes, strict=True)
    streams = _Streams.of([fields.positions.decode(size) for fields, size in stored])
    shapes = [(fields.first, fields.span, fields.count) for fields in blocks]
    first, spans, counts = np.array(shapes, dtype=np.int64).T
    relative = _DECODERS[blocks[0].encoding](streams, spans, counts)
    ends = np.cumsum(counts)
    # All encodings have it that both ends are kept. So no bitmap has more images than its share,
    # or fewer: those of another would not begin and end where they should.
    _require((relative[ends - counts] == 0).all(), (relative[ends - 1] == spans - 1).all())
    return np.asarray(relative + np.repeat(first, counts))


def _labels(streams: _Streams, counts: Integers, classes: int) -> npt.NDArray[np.uint16]:
    found = np.zeros(int(counts.sum()), dtype=np.uint16)
    for plane in range(labels.width(classes)):
        octets = streams.data[_ranges(streams.starts + plane * counts, counts)]
        found |= octets.astype(np.uint16) << np.uint16(8 * plane)
    _require(int(found.max()) < classes)
    return found


def _bitmaps(streams: _Streams, spans: Integers, counts: Integers) -> Integers:
    kept = np.flatnonzero(np.unpackbits(streams.data, bitorder="little"))
    _require(kept.size == counts.sum())
    return np.asarray(kept - np.repeat(8 * streams.starts, counts))


def _deltas(streams: _Streams, spans: Integers, counts: Integers) -> Integers:
    firsts = np.cumsum(counts) - counts
    steps = np.zeros(int(counts.sum()), dtype=np.int64)
    later = np.ones(steps.size, dtype=bool)
    later[firsts] = False
    steps[later] = _integers(streams, counts - 1)
    return _sums(steps, firsts, counts)


def _runs(streams: _Streams, spans: Integers, counts: Integers) -> Integers:
    octets = streams.data[streams.starts].tolist()
    counted = [
        (octet, start + 1) if octet < 128 else varint.read(streams.data.data, start)
        for octet, start in zip(octets, streams.starts.tolist(), strict=True)
    ]
    runs, starts = np.array(counted, dtype=np.int64).T
    _require((runs >= 1).all())
    left = streams.sizes - (starts - streams.starts)
    lengths = _integers(_Streams(streams.data, starts, left), 2 * runs - 1)
    before = np.cumsum(2 * runs - 1) - (2 * runs - 1)
    kept = lengths[_ranges(before, runs)]
    skipped = lengths[_ranges(before + runs, runs - 1)]
    last = np.cumsum(runs)
    of_runs = np.cumsum(kept)
    # The kept ones of each block are as many as it says; that they end its range is seen later.
    _require((of_runs[last - 1] == np.cumsum(counts)).all())
    steps = np.ones(int(counts.sum()), dtype=np.int64)
    firsts = np.cumsum(counts) - counts
    inner = np.ones(kept.size, dtype=bool)
    inner[last - runs] = False
    steps[firsts] = 0
    steps[(of_runs - kept)[inner]] = skipped + 1
    return _sums(steps, firsts, counts)


_DECODERS = {
    encodings.NUMBERS["bitmap"]: _bitmaps,
    encodings.NUMBERS["delta"]: _deltas,
    encodings.NUMBERS["rle"]: _runs,
}


def _sums(steps: Integers, firsts: Integers, counts: Integers) -> Integers:
    """Return the sums of the steps of each block, the first of which is 0.

    Sums over all blocks may wrap around, which their differences do not mind.
    """
    sums = np.cumsum(steps)
    return np.asarray(sums - np.repeat(sums[firsts], counts))


def _integers(streams: _Streams, counts: Integers) -> Integers:
    """Return the split integers that fill each stream, as many as `counts` says, in a row."""
    data, starts = streams.data, streams.starts
    pairs = (counts + 1) >> 1
    _require((streams.sizes >= pairs).all())
    both = data[_ranges(starts, pairs)]
    nibbles = np.stack([both & 15, both >> 4], axis=1).ravel()
    unused = 2 * np.cumsum(pairs)[counts % 2 == 1] - 1
    _require(not nibbles[unused].any())
    widths = np.delete(nibbles, unused)
    ends = np.cumsum(counts)
    escaped = widths == WIDE
    many = _of_each(escaped, ends, counts)
    low = starts + pairs + many
    if escaped.any():
        _require((low <= starts + streams.sizes).all())
        wide = data[_ranges(low - many, many)]
        _require(int(wide.min()) >= WIDE, int(wide.max()) <= MAX_WIDTH)
        widths[escaped] = wide
    bits = _of_each(widths, ends, counts)
    after = low + ((bits + 7) >> 3)
    _require((after == starts + streams.sizes).all())
    _require(not (data[after - 1] >> (bits & 7))[bits % 8 > 0].any())
    at = np.cumsum(widths, dtype=np.int64) - widths
    at += np.repeat(8 * low - (np.cumsum(bits) - bits), counts)
    words = np.ndarray(data.size - 7, "<u8", data, strides=(1,))
    values = words[at >> 3] >> (at & 7).astype(np.uint64)
    leading = np.left_shift(np.uint64(1), widths.astype(np.uint64))
    values &= leading - np.uint64(1)
    values |= leading
    return np.asarray(values.view(np.int64))


def _of_each(values: npt.NDArray[Any], ends: Integers, counts: Integers) -> Integers:
    """Return the sum of the values of each block."""
    sums = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))
    return np.asarray(sums[ends] - sums[ends - counts])


def _ranges(starts: Integers, counts: Integers) -> Integers:
    """Return the numbers from each start on, as many as `counts` says, in a row."""
    ends = np.cumsum(counts)
    return np.asarray(np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1]))
