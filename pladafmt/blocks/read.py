"""Reading a block: a range of pool positions that decodes alone (specification, section 8)."""

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
"""Images of a block whose labels are worth a thread."""


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
    used = layout.FEATURE_WEIGHTS if head.weight_bits else 0
    encoding = encodings.MODULES[fields.encoding]
    coded = (fields.encoding == encodings.DENSE, fields.shift > 0, False)
    bounds = (
        encoding.size_bounds(fields.span, fields.count),
        labels.size_bounds(head.classes, fields.count, fields.shift),
        (weights.packed_size(fields.count, head.weight_bits or 8),) * 2,
    )
    sizes = []
    for stream, is_dense, (low, high) in zip(fields.streams, coded, bounds, strict=False):
        if is_dense:
            require(layout.FEATURE_DENSE, head.features, stream)
            used |= layout.FEATURE_DENSE
        if stream.compressed:
            require(layout.FEATURE_ZSTD, head.features, stream)
            used |= layout.FEATURE_ZSTD
        size = stream.decoded_size()
        if size > head.max_stream:
            raise Malformed(
                "stream-over-declared",
                f"A stream of {size} bytes in a file whose largest is declared as "
                f"{head.max_stream}.",
                offset=stream.offset,
                field=stream.field,
            )
        stream.require_size(low, high)
        sizes.append(size)

    def plain_labels() -> Labels:
        stream = fields.labels.decode(sizes[1])
        found = labels.decode(stream, head.classes, fields.count, fields.labels.offset)
        on_labels(found)
        return found

    beside = None
    if not fields.shift and fields.count >= MANY and threads.cores() > 1:
        beside = threads.Beside(plain_labels)
    # If both streams break a rule, the error is that of the positions.
    relative = encoding.decode(
        fields.positions.decode(sizes[0]), fields.span, fields.count, fields.positions.offset
    )
    if fields.shift:
        found = dense.decode_labels(
            fields.labels.decode(sizes[1]),
            dense.kinds_of(relative),
            head.classes,
            fields.shift,
            offset=fields.labels.offset,
            field=labels.FIELD,
        )
        on_labels(found)
    else:
        found = plain_labels() if beside is None else beside.result()
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
        used=used,
        largest=max(sizes),
    )


def require(feature: int, features: int, stream: Stored) -> None:
    """Refuse a stream that uses a feature which the file does not require."""
    if not features & feature:
        raise Malformed(
            "feature-undeclared",
            f"A stream uses the feature {layout.FEATURE_NAMES[feature]}, which HEAD does not "
            "require.",
            offset=stream.offset,
            field=stream.field,
        )
