"""Write a block, with each stream in its smallest allowed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import layout, weights
from ..errors import LimitExceeded, Unwritable
from ..limits import Limits, most_bitmap_span
from ..streams import Packed, pack
from . import dense, encodings, labels


@dataclass(frozen=True)
class Encoded:
    """A block that is ready to be written.

    Attributes:
        body: the body of its chunk.
        used: required features that it uses.
        largest: its largest decoded stream, in bytes.
    """

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
    use_dense: bool,
    limits: Limits,
) -> Encoded:
    """Encode one block of at least one image; its range runs from the first to the last position.

    Args:
        positions: pool positions, strictly increasing, shape (count,).
        label_values: class numbers, shape (count,).
        codes: weight codes, shape (count,), or None.
        classes: C.
        weight_bits: width of a weight code, or 0.
        encoding: ``"auto"`` or the name of one.
        use_dense: whether streams may be dense where that is smaller.
        limits: bounds on the streams.

    Raises:
        LimitExceeded: if a stream would be larger than the limits allow.
        Unwritable: if the range is too long for a bitmap that was asked for.
    """
    first = int(positions[0])
    span = int(positions[-1]) - first + 1
    relative = (positions - positions[0]).view(np.int64)  # Below 2^53.
    number, packed = _encode_positions(relative, span, encoding, use_dense, limits)
    shift, packed_labels = _encode_labels(label_values, relative, classes, use_dense)
    streams = [packed, packed_labels]
    if codes is not None:
        streams.append(pack([weights.pack(codes, weight_bits)]))
    form = number | shift << layout.FORM_SHIFT_BIT
    flags = (
        layout.FORM_POSITIONS_ZSTD,
        layout.FORM_LABELS_ZSTD,
        layout.FORM_WEIGHTS_ZSTD,
    )
    used = 0 if codes is None else layout.FEATURE_WEIGHTS
    if shift or number == encodings.DENSE:
        used |= layout.FEATURE_DENSE
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
    relative: npt.NDArray[np.int64], span: int, encoding: str, use_dense: bool, limits: Limits
) -> tuple[int, Packed]:
    """Return the encoding's number and its stream: `encoding`, or the smallest for auto."""
    best: tuple[int, Packed] | None = None
    wanted = encodings.NUMBERS if encoding == "auto" else {encoding: encodings.NUMBERS[encoding]}
    for name, number in wanted.items():
        if name == "bitmap":
            refusal = _refuse_bitmap(span, relative.size, limits)
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
    if use_dense and encoding == "auto":
        room = len(best[1].stored)
        stream = dense.encode_distances(np.diff(relative), room)
        if stream is not None:
            best = encodings.DENSE, Packed(stream, False, len(stream))
    return best


def _encode_labels(
    values: npt.NDArray[np.uint16], relative: npt.NDArray[np.int64], classes: int, use_dense: bool
) -> tuple[int, Packed]:
    """Return the label coding (0 for plain, else a shift) and the smallest stream."""
    shift, best = 0, pack(labels.encode(values, classes))
    if use_dense and classes > 1:
        kinds = dense.kinds_of(relative)
        for candidate in dense.SHIFTS:
            stream = dense.encode_labels(values, kinds, classes, candidate, len(best.stored))
            if stream is not None:
                shift, best = candidate, Packed(stream, False, len(stream))
    return shift, best


def _refuse_bitmap(span: int, count: int, limits: Limits) -> Unwritable | LimitExceeded | None:
    if span > most_bitmap_span(count):
        return Unwritable(
            "bitmap-span",
            f"A bitmap of {count} images spans at most {most_bitmap_span(count)} positions, not "
            f"{span}; use encoding='auto', or a smaller block_span.",
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
