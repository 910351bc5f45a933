"""Read a block: a range of pool positions that decodes alone (specification, section 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import layout, threads, weights
from ..errors import Malformed
from ..head import Head
from ..limits import most_bitmap_span
from ..streams import Stored
from . import dense, encodings, labels

Labels = npt.NDArray[np.uint16]

MANY = 1 << 16
"""Minimum size of a block, in images, for decoding its labels in a second thread."""


@dataclass(frozen=True)
class Block:
    """A decoded block.

    Attributes:
        positions: uint64, shape (count,).
        labels: uint16, shape (count,).
        codes: weight codes, uint8, shape (count,), or None.
        end: first position after the block's range.
        used: required features that the block uses.
        largest: its largest decoded stream, in bytes.
    """

    positions: npt.NDArray[np.uint64]
    labels: npt.NDArray[np.uint16]
    codes: npt.NDArray[np.uint8] | None
    end: int
    used: int
    largest: int


@dataclass(frozen=True)
class Fields:
    """The leading fields of a block and its streams, still stored."""

    first: int
    span: int
    count: int
    encoding: int
    shift: int
    positions: Stored
    labels: Stored
    weights: Stored | None
    ranges: dict[str, tuple[int, int]]

    @property
    def streams(self) -> list[Stored]:
        """The streams in file order."""
        found = [self.positions, self.labels]
        return found if self.weights is None else [*found, self.weights]

    @property
    def used(self) -> int:
        """Required features that the block uses."""
        used = 0 if self.weights is None else layout.FEATURE_WEIGHTS
        if self.encoding == encodings.DENSE or self.shift:
            used |= layout.FEATURE_DENSE
        if any(stream.compressed for stream in self.streams):
            used |= layout.FEATURE_ZSTD
        return used


def read_fields(body: bytes, offset: int, head: Head) -> Fields:
    """Parse a block's fields and find its streams; nothing is decoded.

    Raises:
        PladaError: for fields that break a rule by themselves.
    """
    weighted = bool(head.weight_bits)
    values, ranges = layout.parse(
        layout.BLOCK_BODY, body, offset=offset, name="BLOCK", weights=weighted
    )

    def refuse(code: str, problem: str, field: str) -> Malformed:
        return Malformed(code, problem, offset=ranges[field][0], field=f"BLOCK.{field}")

    if values.span == 0:
        raise refuse("block-empty", "A block has a span of zero positions.", "span")
    if values.first + values.span > head.pool.size:
        raise refuse(
            "block-outside-pool",
            f"A block reaches to position {values.first + values.span - 1} of a pool of "
            f"{head.pool.size} images.",
            "first",
        )
    if values.count == 0:
        raise refuse("block-empty", "A block keeps no image.", "count")
    if values.count > values.span or (values.count == 1 and values.span > 1):
        raise refuse(
            "block-count",
            f"A block cannot keep {values.count} images in a span of {values.span} whose ends "
            "are both kept.",
            "count",
        )
    encoding = values.form & layout.FORM_ENCODING
    shift = values.form >> layout.FORM_SHIFT_BIT
    # Dense streams are never Zstd, one class needs no labels, and no weights no flag for them.
    nonsense = 0 if weighted else layout.FORM_WEIGHTS_ZSTD
    if encoding == encodings.DENSE:
        nonsense |= layout.FORM_POSITIONS_ZSTD
    if shift or head.classes == 1:
        nonsense |= layout.FORM_LABELS_ZSTD
    if values.form & nonsense or (shift and head.classes == 1):
        raise refuse("block-form", f"The form 0x{values.form:02X} contradicts itself.", "form")
    if encoding == encodings.NUMBERS["bitmap"] and values.span > most_bitmap_span(values.count):
        raise refuse(
            "bitmap-span",
            f"A bitmap of {values.count} images spans {values.span} positions; at most "
            f"{most_bitmap_span(values.count)} may be.",
            "span",
        )
    at = ranges["labels_size"][1]
    sizes = [values.positions_size]
    if weighted:
        sizes.append(values.labels_size)
    left = len(body) - (at - offset)
    for name, size in zip(("positions_size", "labels_size"), sizes, strict=False):
        if size > left:
            raise refuse("block-streams", "A stream reaches beyond its block.", name)
        left -= size
    names = ["positions", "labels", "weights"][: len(sizes) + 1]
    flags = (
        layout.FORM_POSITIONS_ZSTD,
        layout.FORM_LABELS_ZSTD,
        layout.FORM_WEIGHTS_ZSTD,
    )
    streams = []
    for name, size, flag in zip(names, [*sizes, left], flags, strict=False):
        data = memoryview(body)[at - offset : at - offset + size]
        streams.append(Stored(data, bool(values.form & flag), at, f"BLOCK.{name}"))
        at += size
    return Fields(
        values.first,
        values.span,
        values.count,
        encoding,
        shift,
        streams[0],
        streams[1],
        streams[2] if weighted else None,
        ranges,
    )


def decode(
    fields: Fields, head: Head, *, on_labels: Callable[[Labels], None] = lambda labels: None
) -> Block:
    """Decode the streams of a block; every size is settled before the first is decoded.

    Args:
        on_labels: called with the block's labels, perhaps by another thread, while positions are
            still being decoded. It returns before `decode` does.

    Raises:
        PladaError: for a stream that breaks a rule.
    """
    positions_size, labels_size = _positions_size(fields, head), _labels_size(fields, head)
    sizes = [positions_size, labels_size]
    if fields.weights is not None:
        sizes.append(_weights_size(fields.weights, fields, head))

    def plain_labels() -> Labels:
        found = _plain_labels(fields, head, labels_size)
        on_labels(found)
        return found

    background = None
    if not fields.shift and fields.count >= MANY and threads.cores() > 1:
        background = threads.Background(plain_labels)
    # If both streams break a rule, the error is that of the positions.
    relative = _positions(fields, positions_size)
    if fields.shift:
        found = _dense_labels(fields, head, labels_size, relative)
        on_labels(found)
    else:
        found = plain_labels() if background is None else background.result()
    codes = None
    if fields.weights is not None:
        codes = weights.unpack(
            fields.weights.decode(sizes[2]),
            fields.count,
            head.weight_bits,
            fields.weights.offset,
        )
    relative += fields.first
    return Block(
        positions=relative.view(np.uint64),
        labels=found,
        codes=codes,
        end=fields.first + fields.span,
        used=fields.used,
        largest=max(sizes),
    )


def decode_labels(fields: Fields, head: Head) -> Labels:
    """Decode only the labels of a block; its positions as well if dense labels need them.

    Raises:
        PladaError: for a stream that breaks a rule.
    """
    size = _labels_size(fields, head)
    if not fields.shift:
        return _plain_labels(fields, head, size)
    return _dense_labels(fields, head, size, _positions(fields, _positions_size(fields, head)))


def _positions_size(fields: Fields, head: Head) -> int:
    bounds = encodings.MODULES[fields.encoding].size_bounds(fields.span, fields.count)
    is_dense = fields.encoding == encodings.DENSE
    return _decoded_size(fields.positions, head, bounds, is_dense=is_dense)


def _labels_size(fields: Fields, head: Head) -> int:
    bounds = labels.size_bounds(head.classes, fields.count, fields.shift)
    return _decoded_size(fields.labels, head, bounds, is_dense=fields.shift > 0)


def _weights_size(stream: Stored, fields: Fields, head: Head) -> int:
    size = weights.packed_size(fields.count, head.weight_bits)
    return _decoded_size(stream, head, (size, size), is_dense=False)


def _decoded_size(stream: Stored, head: Head, bounds: tuple[int, int], *, is_dense: bool) -> int:
    """Return the decoded size of a stream, after every check that does not need it decoded.

    Args:
        bounds: the least and the most bytes that the stream may have.
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
    stream.require_size(*bounds)
    return size


def _positions(fields: Fields, size: int) -> npt.NDArray[np.int64]:
    """Return positions relative to the block's first, int64, shape (count,)."""
    stream = fields.positions.decode(size)
    encoding = encodings.MODULES[fields.encoding]
    return encoding.decode(stream, fields.span, fields.count, fields.positions.offset)


def _plain_labels(fields: Fields, head: Head, size: int) -> Labels:
    stream = fields.labels.decode(size)
    return labels.decode(stream, head.classes, fields.count, fields.labels.offset)


def _dense_labels(fields: Fields, head: Head, size: int, relative: npt.NDArray[np.int64]) -> Labels:
    return dense.decode_labels(
        fields.labels.decode(size),
        dense.kinds_of(relative),
        head.classes,
        fields.shift,
        offset=fields.labels.offset,
        field=labels.FIELD,
    )
