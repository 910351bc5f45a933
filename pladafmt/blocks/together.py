"""Decode many small blocks at once: a call of NumPy takes as long as dozens of images do.

It knows good streams only. Where anything is odd it decodes none of them: `read.decode` then takes
one block after the other, and says of the first bad one what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import layout, varint, weights
from ..errors import PladaError
from ..head import Head
from ..streams import Stored
from . import dense, encodings, labels, read
from .columns import MOST_IMAGES, Columns
from .integers import MAX_WIDTH, WIDE

Integers = npt.NDArray[np.int64]

_FAR = 2**62 // MOST_IMAGES
"""A distance or run so long that sums of them, in one block, might wrap around. A pool has room for
a few of them only."""

_PADDING = bytes(8)
"""What follows all streams, so that a word can be read at each byte of them."""


@dataclass(slots=True)
class _Streams:
    """A stream of each block in a row.

    Attributes:
        data: all of them, perhaps with other bytes between them, and `_PADDING`, uint8.
        starts: where each starts in `data`, int64, shape (blocks,).
        sizes: their sizes in bytes, int64, shape (blocks,).
    """

    data: npt.NDArray[np.uint8]
    starts: Integers
    sizes: Integers


class _Odd(Exception):
    """The streams are not all plainly good."""


def _require(*holds: Any) -> None:
    if not all(holds):
        raise _Odd


def decode(blocks: Columns, head: Head) -> read.Block | None:
    """Return what `read.decode` returns of these blocks, put together, or None if anything is odd.

    Args:
        blocks: one or more.
    """
    try:
        return _decode(blocks, head)
    except (PladaError, _Odd):
        return None


def _decode(blocks: Columns, head: Head) -> read.Block:
    count = blocks.count
    used, codes = 0, None
    if blocks.dense:
        _require(head.features & layout.FEATURE_DENSE)
        used |= layout.FEATURE_DENSE
    positions, largest = _positions(blocks, head)
    found, size = _labels(blocks, head, positions)
    largest = max(largest, size)
    if head.weight_scale is not None:
        used |= layout.FEATURE_WEIGHTS
        packed = _of_size(
            weights.packed_size(count, head.weight_bits),
            blocks,
            blocks.weights,
            blocks.ends,
            layout.FORM_WEIGHTS_ZSTD,
            head,
        )
        codes = _codes(packed, count, head.weight_bits)
        largest = max(largest, int(packed.sizes.max()))
    _require(largest <= head.max_stream)
    # Without weights no form has their bit.
    if (blocks.form & _ZSTD).any():
        used |= layout.FEATURE_ZSTD
    return read.Block(positions.view(np.uint64), found, codes, used, largest)


_ZSTD = layout.FORM_POSITIONS_ZSTD | layout.FORM_LABELS_ZSTD | layout.FORM_WEIGHTS_ZSTD


def _streams(
    blocks: Columns,
    starts: Integers,
    ends: Integers,
    zstd: int,
    head: Head,
    bounds: Callable[[int], tuple[int, int]],
) -> _Streams:
    """Return a stream of each block, decoded.

    Args:
        starts: where each starts.
        ends: where it ends.
        zstd: the bit of `form` that says whether it is a Zstd frame.
        bounds: gives the least and the most bytes that one of a block, by number, may decode to;
            asked for frames only.
    """
    compressed = blocks.form & zstd != 0
    if not compressed.any():
        return _Streams(blocks.octets, starts, ends - starts)
    view = blocks.octets.data
    streams: list[bytes | memoryview] = []
    places = zip(starts.tolist(), ends.tolist(), compressed.tolist(), strict=True)
    for number, (start, end, is_frame) in enumerate(places):
        stream = Stored(view[start:end], is_frame, start, "")
        if is_frame:
            stream.require_feature(layout.FEATURE_ZSTD, head.features)
            size = stream.decoded_size()
            low, high = bounds(number)
            _require(low <= size <= min(high, head.max_stream))
            streams.append(stream.decode(size))
        else:
            streams.append(stream.data)
    sizes = np.array([len(stream) for stream in streams], dtype=np.int64)
    data = np.frombuffer(b"".join([*streams, _PADDING]), dtype=np.uint8)
    return _Streams(data, np.cumsum(sizes) - sizes, sizes)


def _of_size(
    wanted: Integers, blocks: Columns, starts: Integers, ends: Integers, zstd: int, head: Head
) -> _Streams:
    """Return a stream of each block, which has to decode to so many bytes."""
    streams = _streams(
        blocks, starts, ends, zstd, head, lambda number: (int(wanted[number]), int(wanted[number]))
    )
    _require((streams.sizes == wanted).all())
    return streams


def _positions(blocks: Columns, head: Head) -> tuple[Integers, int]:
    """Return the positions, and the size of the largest stream."""
    encoding = blocks.encoding
    positions = np.empty(int(blocks.count.sum()), dtype=np.int64)
    largest = 0
    for kind in np.unique(encoding).tolist():
        alike, places = _some(blocks, encoding == kind)
        positions[places], size = _alike(kind, alike, head)
        largest = max(largest, size)
    return positions, largest


def _some(blocks: Columns, which: npt.NDArray[np.bool_]) -> tuple[Columns, slice | Integers]:
    """Return some of the blocks, and the places of their images among those of all."""
    if which.all():
        return blocks, slice(None)
    ends = np.cumsum(blocks.count)
    some = np.flatnonzero(which)
    count = blocks.count[some]
    return blocks.at(some), _ranges(ends[some] - count, count)


def _alike(kind: int, blocks: Columns, head: Head) -> tuple[Integers, int]:
    """Return the positions of blocks of one encoding, and the size of their largest stream."""
    spans, counts = blocks.span, blocks.count

    def bounds(number: int) -> tuple[int, int]:
        return encodings.MODULES[kind].size_bounds(int(spans[number]), int(counts[number]))

    streams = _streams(
        blocks, blocks.positions, blocks.labels, layout.FORM_POSITIONS_ZSTD, head, bounds
    )
    relative = _DECODERS[kind](streams, spans, counts)
    ends = np.cumsum(counts)
    # All encodings have it that both ends are kept. So no bitmap has more images than its share,
    # or fewer: those of another would not begin and end where they should.
    _require((relative[ends - counts] == 0).all(), (relative[ends - 1] == spans - 1).all())
    relative += np.repeat(blocks.first, counts)
    return relative, int(streams.sizes.max())


def _labels(blocks: Columns, head: Head, positions: Integers) -> tuple[npt.NDArray[np.uint16], int]:
    """Return the labels, and the size of the largest stream."""
    labels_found = np.empty(positions.size, dtype=np.uint16)
    dense_ones = blocks.shift > 0
    largest = 0
    for which, decoder in ((~dense_ones, _plain_labels), (dense_ones, _dense_labels)):
        if which.any():
            some, places = _some(blocks, which)
            labels_found[places], size = decoder(some, head, positions[places])
            largest = max(largest, size)
    return labels_found, largest


def _plain_labels(
    blocks: Columns, head: Head, positions: Integers
) -> tuple[npt.NDArray[np.uint16], int]:
    counts = blocks.count
    streams = _of_size(
        counts * labels.width(head.classes),
        blocks,
        blocks.labels,
        blocks.weights,
        layout.FORM_LABELS_ZSTD,
        head,
    )
    found = np.zeros(positions.size, dtype=np.uint16)
    for plane in range(labels.width(head.classes)):
        octets = streams.data[_ranges(streams.starts + plane * counts, counts)]
        found |= octets.astype(np.uint16) << np.uint16(8 * plane)
    _require(int(found.max()) < head.classes)
    return found, int(streams.sizes.max())


def _dense_labels(
    blocks: Columns, head: Head, positions: Integers
) -> tuple[npt.NDArray[np.uint16], int]:
    kinds = dense.kinds_of(positions)
    kinds[np.cumsum(blocks.count) - blocks.count] = 0
    found = dense.decode_many_labels(
        blocks.octets,
        blocks.labels,
        blocks.weights,
        blocks.count,
        kinds,
        head.classes,
        blocks.shift,
    )
    if found is None:
        raise _Odd
    return found, int((blocks.weights - blocks.labels).max())


def _codes(streams: _Streams, counts: Integers, bits: int) -> npt.NDArray[np.uint8]:
    octets = streams.data[_ranges(streams.starts, streams.sizes)]
    return octets if bits == 8 else _nibbles(octets, counts)


def _bitmaps(streams: _Streams, spans: Integers, counts: Integers) -> Integers:
    _require((streams.sizes == (spans + 7) >> 3).all())
    octets = _joined(streams)
    kept = _bits(octets) if octets.size < 4 * counts.sum() else _few_bits(octets)
    _require(kept.size == counts.sum())
    before = np.cumsum(streams.sizes) - streams.sizes
    return np.asarray(kept - np.repeat(8 * before, counts))


def _joined(streams: _Streams) -> npt.NDArray[np.uint8]:
    """Return the bytes of all streams, one behind the other."""
    start, end = int(streams.starts[0]), int(streams.starts[-1] + streams.sizes[-1])
    if end - start == streams.sizes.sum():  # As frames were decoded.
        return streams.data[start:end]
    return streams.data[_ranges(streams.starts, streams.sizes)]


def _bits(octets: npt.NDArray[np.uint8]) -> Integers:
    """Return the numbers of the bits that are set."""
    return np.flatnonzero(np.unpackbits(octets, bitorder="little"))


def _few_bits(octets: npt.NDArray[np.uint8]) -> Integers:
    """Return what `_bits` does, where few bytes are not zero: work follows the images."""
    full = np.flatnonzero(octets)
    bits = _bits(octets[full])
    return np.asarray((full[bits >> 3] << 3) | (bits & 7))


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
    _require((runs >= 1).all(), (runs <= counts).all())
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


def _dense(streams: _Streams, spans: Integers, counts: Integers) -> Integers:
    steps = np.zeros(int(counts.sum()), dtype=np.int64)
    ends = streams.starts + streams.sizes
    _require(
        dense.decode_many_distances_into(steps, streams.data, streams.starts, ends, counts),
        int(steps.max()) < _FAR,
    )
    return _sums(steps, np.cumsum(counts) - counts, counts)


_DECODERS = {
    encodings.DENSE: _dense,
    encodings.NUMBERS["bitmap"]: _bitmaps,
    encodings.NUMBERS["delta"]: _deltas,
    encodings.NUMBERS["rle"]: _runs,
}


def _sums(steps: Integers, firsts: Integers, counts: Integers) -> Integers:
    """Return the sums of the steps of each block, the first of which is 0.

    Sums over all blocks may wrap around, which their differences do not mind: those are exact.
    """
    sums = np.cumsum(steps)
    return np.asarray(sums - np.repeat(sums[firsts], counts))


def _integers(streams: _Streams, counts: Integers) -> Integers:
    """Return the split integers that fill each stream, as many as `counts` says, in a row."""
    data, starts = streams.data, streams.starts
    pairs = (counts + 1) >> 1
    _require((streams.sizes >= pairs).all())
    widths = _nibbles(data[_ranges(starts, pairs)], counts)
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
    _require(int(values.max(initial=0)) < _FAR)
    return np.asarray(values.view(np.int64))


def _nibbles(octets: npt.NDArray[np.uint8], counts: Integers) -> npt.NDArray[np.uint8]:
    """Return the halves of these bytes, of which each block has half as many as it has halves."""
    nibbles = np.empty(2 * octets.size, dtype=np.uint8)
    nibbles[0::2] = octets & 15
    nibbles[1::2] = octets >> 4
    odd = counts & 1 == 1
    if not odd.any():
        return nibbles
    unused = 2 * np.cumsum((counts + 1) >> 1)[odd] - 1
    _require(not nibbles[unused].any())
    return np.delete(nibbles, unused)


def _of_each(values: npt.NDArray[Any], ends: Integers, counts: Integers) -> Integers:
    """Return the sum of the values of each block."""
    sums = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))
    return np.asarray(sums[ends] - sums[ends - counts])


def _ranges(starts: Integers, counts: Integers) -> Integers:
    """Return the numbers from each start on, as many as `counts` says, in a row."""
    ends = np.cumsum(counts)
    return np.asarray(np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1]))
