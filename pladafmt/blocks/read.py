"""Read a block: a range of pool positions that decodes alone (specification, section 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .. import layout, threads, weights
from ..errors import LimitExceeded, Malformed
from ..field_reader import field_reader
from ..head import Head
from ..limits import most_bitmap_span
from ..loops import backend
from ..streams import Stored
from . import dense, encodings, labels

Labels = npt.NDArray[np.uint16]
Positions = npt.NDArray[np.int64]

MANY = 1 << 16
"""Minimum size of a block, in images, for decoding its labels in a second thread."""


@dataclass(slots=True)
class Block:
    """A decoded block, or several in a row.

    Attributes:
        positions: uint64, shape (count,).
        labels: uint16, shape (count,).
        codes: weight codes, uint8, shape (count,), or None.
        used: required features that the block uses.
        largest: its largest decoded stream, in bytes.
    """

    positions: npt.NDArray[np.uint64]
    labels: npt.NDArray[np.uint16]
    codes: npt.NDArray[np.uint8] | None
    used: int
    largest: int


@dataclass(slots=True)
class Fields:
    """The leading fields of a block and its streams, still stored."""

    first: int
    span: int
    count: int
    form: int
    positions: Stored
    labels: Stored
    weights: Stored | None
    offset: int
    ends: tuple[int, ...]

    @property
    def encoding(self) -> int:
        """Number of the position encoding."""
        return self.form & layout.FORM_ENCODING

    @property
    def shift(self) -> int:
        """The shift of dense labels; 0 for plain ones."""
        return self.form >> layout.FORM_SHIFT_BIT

    @property
    def end(self) -> int:
        """First position after the block's range."""
        return self.first + self.span

    def ranges(self) -> dict[str, tuple[int, int]]:
        """Return, for each field, the half-open range of file offsets that it occupies."""
        return _ranges(self.offset, self.ends)

    @property
    def streams(self) -> list[Stored]:
        """The streams in file order."""
        found = [self.positions, self.labels]
        return found if self.weights is None else [*found, self.weights]

    @property
    def is_dense(self) -> bool:
        """Whether a stream of the block is dense."""
        return self.shift > 0 or self.encoding == encodings.DENSE

    @property
    def used(self) -> int:
        """Required features that the block uses."""
        zstd = self.positions.compressed or self.labels.compressed
        used = layout.FEATURE_DENSE if self.is_dense else 0
        if self.weights is not None:
            used |= layout.FEATURE_WEIGHTS
            zstd = zstd or self.weights.compressed
        return used | layout.FEATURE_ZSTD if zstd else used


def read_fields(body: bytes, offset: int, head: Head) -> Fields:
    """Parse a block's fields and find its streams; nothing is decoded.

    Raises:
        PladaError: for fields that break a rule by themselves.
    """
    weighted = head.weight_scale is not None
    read = _read_weighted if weighted else _read_plain
    found = read(body)
    if found is None:
        # This one says what is wrong.
        layout.parse(layout.BLOCK_BODY, body, offset=offset, name="BLOCK", weights=weighted)
        raise AssertionError("two readers of the same declaration disagree")
    (first, span, count, form, positions_size, labels_size), ends = found

    def refuse(code: str, problem: str, field: str) -> Malformed:
        at = _ranges(offset, ends)[field][0]
        return Malformed(code, problem, offset=at, field=f"BLOCK.{field}")

    if span == 0:
        raise refuse("block-empty", "A block has a span of zero positions.", "span")
    if first + span > head.pool.size:
        raise refuse(
            "block-outside-pool",
            f"A block reaches to position {first + span - 1} of a pool of {head.pool.size} images.",
            "first",
        )
    if count == 0:
        raise refuse("block-empty", "A block keeps no image.", "count")
    if count > span or (count == 1 and span > 1):
        raise refuse(
            "block-count",
            f"A block cannot keep {count} images in a span of {span} whose ends are both kept.",
            "count",
        )
    encoding = form & layout.FORM_ENCODING
    shift = form >> layout.FORM_SHIFT_BIT
    # Dense streams are never Zstd, one class needs no labels, and no weights no flag for them.
    nonsense = 0 if weighted else layout.FORM_WEIGHTS_ZSTD
    if encoding == encodings.DENSE:
        nonsense |= layout.FORM_POSITIONS_ZSTD
    if shift or head.classes == 1:
        nonsense |= layout.FORM_LABELS_ZSTD
    if form & nonsense or (shift and head.classes == 1):
        raise refuse("block-form", f"The form 0x{form:02X} contradicts itself.", "form")
    if encoding == encodings.NUMBERS["bitmap"] and span > most_bitmap_span(count):
        raise refuse(
            "bitmap-span",
            f"A bitmap of {count} images spans {span} positions; at most "
            f"{most_bitmap_span(count)} may be.",
            "span",
        )
    at = ends[-1]
    labels_at = at + positions_size
    if labels_at > len(body):
        raise refuse("block-streams", "A stream reaches beyond its block.", "positions_size")
    weights_at = labels_at + labels_size if weighted else len(body)
    if weights_at > len(body):
        raise refuse("block-streams", "A stream reaches beyond its block.", "labels_size")
    view = memoryview(body)
    positions_zstd = form & layout.FORM_POSITIONS_ZSTD != 0
    positions = Stored(view[at:labels_at], positions_zstd, offset + at, "BLOCK.positions")
    labels_zstd = form & layout.FORM_LABELS_ZSTD != 0
    coded = Stored(view[labels_at:weights_at], labels_zstd, offset + labels_at, "BLOCK.labels")
    codes = None
    if weighted:
        codes_zstd = form & layout.FORM_WEIGHTS_ZSTD != 0
        codes = Stored(view[weights_at:], codes_zstd, offset + weights_at, "BLOCK.weights")
    return Fields(first, span, count, form, positions, coded, codes, offset, ends)


_read_plain = field_reader(layout.BLOCK_BODY, weights=False)
_read_weighted = field_reader(layout.BLOCK_BODY, weights=True)


_NAMES = [part.name for part in layout.BLOCK_BODY.subcons]


def _ranges(offset: int, ends: tuple[int, ...]) -> dict[str, tuple[int, int]]:
    """Return, for each field, the half-open range of file offsets that it occupies."""
    edges = [offset, *(offset + end for end in ends)]
    return dict(zip(_NAMES, pairwise(edges), strict=True))


def decode(
    fields: Fields,
    head: Head,
    *,
    on_labels: Callable[[Labels], None] = lambda labels: None,
    dense_before: int = 0,
    most_dense: int,
) -> Block:
    """Decode the streams of a block; every size is settled before the first is decoded.

    Args:
        on_labels: called with the block's labels, perhaps by another thread, while positions are
            still being decoded. It returns before `decode` does.
        dense_before: images of the dense blocks of the file so far.
        most_dense: the limit `dense`.

    Raises:
        PladaError: for a stream that breaks a rule; ``limit-kept`` for too many images in dense
            streams.
    """
    positions_size, labels_size, weights_size = decoded_sizes(fields, head)
    if fields.is_dense:  # Not before its sizes are settled: a count may be only claimed.
        _check_dense(fields, dense_before, most_dense)
        backend.expect(dense_before, fields.count)

    def labels_of(positions: Positions | None) -> Labels:
        found = _labels(fields, head, labels_size, positions)
        on_labels(found)
        return found

    background = None
    if not fields.shift and fields.count >= MANY and threads.cores() > 1:
        background = threads.Background(lambda: labels_of(None))
    # If both streams break a rule, the error is that of the positions.
    positions = _positions(fields, positions_size)
    found = labels_of(positions) if background is None else background.result()
    codes = weight_codes(fields, head, weights_size)
    largest = max(positions_size, labels_size, weights_size)
    return Block(positions.view(np.uint64), found, codes, fields.used, largest)


def _check_dense(fields: Fields, before: int, most: int) -> None:
    images = before + fields.count
    if images > most and backend.compiled() is None:
        # The code of the limit on images, which is the lower for these (section 15).
        raise LimitExceeded(
            "limit-kept",
            f"The file has {images:,} images or more in dense streams; without numba this reader's "
            f"limit is dense={most}. Install numba (pip install 'pladafmt[fast]'), or raise the "
            f"limit and wait {backend.SECONDS_PER_MILLION} seconds or more for each million.",
            offset=fields.ranges()["count"][0],
            field="BLOCK.count",
        )


def decoded_sizes(fields: Fields, head: Head) -> tuple[int, int, int]:
    """Return the decoded sizes of the position, label and weight streams; 0 for one not there.

    Raises:
        PladaError: for a stream that breaks a rule before it is decoded.
    """
    positions, labels = _positions_size(fields, head), _labels_size(fields, head)
    if fields.weights is None:
        return positions, labels, 0
    return positions, labels, _weights_size(fields.weights, fields, head)


def weight_codes(fields: Fields, head: Head, size: int) -> npt.NDArray[np.uint8] | None:
    """Return the weight codes of a block whose stream decodes to `size` bytes, None without one.

    Raises:
        PladaError: for a stream that breaks a rule.
    """
    if fields.weights is None:
        return None
    stream = fields.weights.decode(size)
    return weights.unpack(stream, fields.count, head.weight_bits, fields.weights.offset)


def decode_labels(fields: Fields, head: Head, *, dense_before: int = 0, most_dense: int) -> Labels:
    """Decode only the labels of a block; its positions as well if dense labels need them.

    Args:
        dense_before: as `decode` has it.
        most_dense: the limit `dense`.

    Raises:
        PladaError: as `decode` does.
    """
    size = _labels_size(fields, head)
    if fields.shift:
        _check_dense(fields, dense_before, most_dense)
    positions = _positions(fields, _positions_size(fields, head)) if fields.shift else None
    return _labels(fields, head, size, positions)


def _positions_size(fields: Fields, head: Head) -> int:
    encoding = fields.encoding
    low, high = encodings.MODULES[encoding].size_bounds(fields.span, fields.count)
    return _decoded_size(fields.positions, head, low, high, is_dense=encoding == encodings.DENSE)


def _labels_size(fields: Fields, head: Head) -> int:
    low, high = labels.size_bounds(head.classes, fields.count, fields.shift)
    return _decoded_size(fields.labels, head, low, high, is_dense=fields.shift > 0)


def _weights_size(stream: Stored, fields: Fields, head: Head) -> int:
    size = weights.packed_size(fields.count, head.weight_bits)
    return _decoded_size(stream, head, size, size, is_dense=False)


def _decoded_size(stream: Stored, head: Head, low: int, high: int, *, is_dense: bool) -> int:
    """Return the decoded size of a stream, after every check that does not need it decoded.

    Args:
        low: the least bytes that the stream may have.
        high: the most.
        is_dense: whether it is coded by the dense encoding.
    """
    if is_dense:
        stream.require_feature(layout.FEATURE_DENSE, head.features)
    if stream.compressed:
        stream.require_feature(layout.FEATURE_ZSTD, head.features)
    size = stream.decoded_size()
    if size > head.max_stream:
        raise Malformed(
            "stream-over-declared",
            f"A stream of {size} bytes in a file whose largest is declared as {head.max_stream}.",
            offset=stream.offset,
            field=stream.field,
        )
    if not low <= size <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        raise Malformed(
            "stream-size",
            f"A stream decodes to {size} bytes where {wanted} are called for.",
            offset=stream.offset,
            field=stream.field,
        )
    return size


_LONE = {
    number: b"".join(encodings.MODULES[number].encode(np.zeros(1, dtype=np.int64), 1))
    for number in encodings.NAMES
}
"""The position stream of a single image, by encoding: it says nothing, so nothing is decoded."""


def _positions(fields: Fields, size: int) -> Positions:
    """Return the pool positions, int64, shape (count,)."""
    stream = fields.positions.decode(size)
    if fields.count == 1 and stream == _LONE[fields.encoding]:
        return np.array([fields.first], dtype=np.int64)
    encoding = encodings.MODULES[fields.encoding]
    positions = encoding.decode(stream, fields.span, fields.count, fields.positions.offset)
    positions += fields.first
    return positions


def _labels(fields: Fields, head: Head, size: int, positions: Positions | None) -> Labels:
    """Return the labels; those of a dense stream need the positions."""
    stream = fields.labels.decode(size)
    if not fields.shift:
        return labels.decode(stream, head.classes, fields.count, fields.labels.offset)
    assert positions is not None
    return dense.decode_labels(
        stream,
        dense.kinds_of(positions),
        head.classes,
        fields.shift,
        offset=fields.labels.offset,
        field=labels.FIELD,
    )
