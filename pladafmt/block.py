"""Blocks: a contiguous range of pool positions that decodes alone (specification, section 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import encodings, labels, layout, weights
from .errors import LimitExceeded, Malformed, Unwritable
from .head import Head
from .limits import MAX_BITMAP_SPAN, Limits
from .streams import Packed, Stored, pack


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
    reserved = layout.FORM_RESERVED | (0 if weighted else layout.FORM_WEIGHTS_ZSTD)
    encoding = values.form & layout.FORM_ENCODING
    if values.form & reserved or encoding not in encodings.MODULES:
        raise refuse("block-form", f"The form 0x{values.form:02X} uses a reserved value.", "form")
    if encoding == encodings.NUMBERS["bitmap"] and values.span > MAX_BITMAP_SPAN:
        raise refuse(
            "bitmap-span", f"A bitmap spans {values.span} positions; at most 2^28 may be.", "span"
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
        streams[0],
        streams[1],
        streams[2] if weighted else None,
        ranges,
    )


def decode(fields: Fields, head: Head) -> Block:
    """Decode the streams of a block; every size is settled before the first is decoded.

    Raises:
        PladaError: for a stream that breaks a rule.
    """
    used = layout.FEATURE_WEIGHTS if head.weight_bits else 0
    encoding = encodings.MODULES[fields.encoding]
    bounds = [
        encoding.size_bounds(fields.span, fields.count),
        (fields.count * labels.width(head.classes),) * 2,
        (weights.packed_size(fields.count, head.weight_bits or 8),) * 2,
    ]
    sizes = []
    for stream, (low, high) in zip(fields.streams, bounds, strict=False):
        if stream.compressed:
            require_zstd(head.features, stream)
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
    relative = encoding.decode(
        fields.positions.decode(sizes[0]), fields.span, fields.count, fields.positions.offset
    )
    found = labels.decode(
        fields.labels.decode(sizes[1]), head.classes, fields.count, fields.labels.offset
    )
    codes = None
    if fields.weights is not None:
        codes = weights.unpack(
            fields.weights.decode(sizes[2]),
            fields.count,
            head.weight_bits,
            fields.weights.offset,
        )
    return Block(
        positions=relative.astype(np.uint64) + np.uint64(fields.first),
        labels=found,
        codes=codes,
        end=fields.first + fields.span,
        used=used,
        largest=max(sizes),
    )


def require_zstd(features: int, stream: Stored) -> None:
    """Refuse a Zstd stream in a file whose required features do not include `zstd`."""
    if not features & layout.FEATURE_ZSTD:
        raise Malformed(
            "feature-undeclared",
            "A Zstd stream in a file that does not require `zstd`.",
            offset=stream.offset,
            field=stream.field,
        )


@dataclass(frozen=True)
class Encoded:
    """A block that a writer has ready: its body, and what HEAD must say about it."""

    body: bytes
    used: int
    largest: int


def encode(
    positions: npt.NDArray[np.uint64],
    label_values: npt.NDArray[np.uint16],
    codes: npt.NDArray[np.uint8] | None,
    *,
    classes: int,
    weight_bits: int,
    encoding: str,
    limits: Limits,
) -> Encoded:
    """Encode one block of at least one image; its range runs from the first to the last position.

    Raises:
        LimitExceeded: if a stream would be larger than the limits allow.
        Unwritable: if the range is too long for a bitmap that was asked for.
    """
    first = int(positions[0])
    span = int(positions[-1]) - first + 1
    relative = (positions - positions[0]).astype(np.int64)
    number, packed = _encode_positions(relative, span, encoding, limits)
    streams = [packed, pack(labels.encode(label_values, classes))]
    if codes is not None:
        streams.append(pack([weights.pack(codes, weight_bits)]))
    form = number
    flags = (
        layout.FORM_POSITIONS_ZSTD,
        layout.FORM_LABELS_ZSTD,
        layout.FORM_WEIGHTS_ZSTD,
    )
    used = 0 if codes is None else layout.FEATURE_WEIGHTS
    for stream, flag in zip(streams, flags, strict=False):
        if stream.decoded_size > limits.stream:
            raise _too_large(stream.decoded_size, limits)
        if stream.compressed:
            form |= flag
            used |= layout.FEATURE_ZSTD
    fields = layout.build(
        layout.BLOCK_BODY,
        {"weights": codes is not None},
        first=first,
        span=span,
        count=positions.size,
        form=form,
        positions_size=len(streams[0].stored),
        labels_size=len(streams[1].stored),
    )
    body = fields + b"".join(stream.stored for stream in streams)
    return Encoded(body, used, max(stream.decoded_size for stream in streams))


def _encode_positions(
    relative: npt.NDArray[np.int64], span: int, encoding: str, limits: Limits
) -> tuple[int, Packed]:
    """Return the encoding's number and its stream: the one asked for, or for auto the smallest."""
    best: tuple[int, Packed] | None = None
    wanted = encodings.NUMBERS if encoding == "auto" else {encoding: encodings.NUMBERS[encoding]}
    for name, number in wanted.items():
        if name == "bitmap":
            refusal = _refuse_bitmap(span, limits)
            if refusal is not None:
                if encoding == "auto":
                    continue
                raise refusal
        parts = encodings.MODULES[number].encode(relative, span)
        if encoding == "auto" and sum(map(len, parts)) > limits.stream:
            continue
        packed = pack(parts)
        if best is None or len(packed.stored) < len(best[1].stored):
            best = number, packed
    if best is None:
        raise _too_large(relative.size, limits)
    return best


def _refuse_bitmap(span: int, limits: Limits) -> Unwritable | LimitExceeded | None:
    if span > MAX_BITMAP_SPAN:
        return Unwritable(
            "bitmap-span",
            f"A bitmap over {span} positions exceeds the format's limit bitmap-span of 2^28; use "
            "encoding='auto', or a block_span of at most 2^28.",
            field="BLOCK.span",
        )
    if (span + 7) // 8 > limits.stream:
        return _too_large((span + 7) // 8, limits)
    return None


def _too_large(size: int, limits: Limits) -> LimitExceeded:
    return LimitExceeded(
        "limit-stream",
        f"A stream of {size} bytes exceeds the limit stream of {limits.stream}; use a smaller "
        "block_span.",
        field="BLOCK",
    )
