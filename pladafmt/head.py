"""HEAD: the first chunk, by which a reader decides whether it wants the rest (section 5)."""

from __future__ import annotations

from dataclasses import dataclass

from . import layout
from .errors import LimitExceeded, Malformed, Unsupported, Unwritable
from .ledger import Ledger
from .limits import MAX_CLASSES, Limits
from .payload import PoolRef
from .weights import WeightScale


@dataclass(frozen=True)
class Head:
    """The fields of HEAD.

    Attributes:
        pool: pool id and N.
        kept: K.
        classes: C.
        features: required-feature set.
        max_stream: largest decoded size of any block's streams, in bytes.
        check: first 4 bytes of the content id.
        weight_scale: present exactly when the feature `weights` is required.
        crc: the chunk's CRC-32, which seeds that of every other critical chunk.
    """

    pool: PoolRef
    kept: int
    classes: int
    features: int
    max_stream: int
    check: bytes
    weight_scale: WeightScale | None
    crc: int = 0

    @property
    def weight_bits(self) -> int:
        """Width of a weight code, or 0 without weights."""
        return self.weight_scale.bits if self.weight_scale else 0


def feature_names(features: int) -> str:
    """Return the names of a required-feature set, for people."""
    names = [
        layout.FEATURE_NAMES.get(1 << bit, f"bit {bit}")
        for bit in range(features.bit_length())
        if features >> bit & 1
    ]
    return ", ".join(names) or "none"


def over_limit(what: str, limit: int, offset: int) -> LimitExceeded:
    """Return the error for a file beyond the limit `what`, a field name of `Limits`."""
    return LimitExceeded(
        "limit-" + what.replace("_", "-"),
        f"The file exceeds this reader's limit {what}={limit}; raise the limit if you trust the "
        "sender.",
        offset=offset,
    )


def write(head: Head) -> bytes:
    """Return the body of a HEAD chunk."""
    scale = head.weight_scale
    return layout.build(
        layout.HEAD_BODY,
        pool_id=head.pool.id,
        pool_size=head.pool.size,
        kept=head.kept,
        classes=head.classes,
        features=head.features,
        max_stream=head.max_stream,
        check=head.check,
        weight_scale=scale and {"bits": scale.bits, "low": scale.low, "step": scale.step},
    )


def read(body: bytes, offset: int, crc: int, limits: Limits, ledger: Ledger) -> Head:
    """Return what the body of a HEAD chunk, at `offset` in the file, says.

    Raises:
        PladaError: if a field breaks a rule, needs a newer reader, or exceeds `limits`.
    """
    values, ranges = layout.parse(layout.HEAD_BODY, body, offset=offset, name="HEAD")
    notes = {
        "pool_id": values.pool_id.hex(),
        "pool_size": f"{values.pool_size} images",
        "kept": f"{values.kept} images",
        "classes": f"{values.classes} classes",
        "features": feature_names(values.features),
        "max_stream": f"{values.max_stream} bytes",
        "check": values.check.hex(),
    }
    for key, (start, end) in ranges.items():
        ledger.add(f"HEAD.{key}", start, end, notes.get(key, ""))

    def refuse(code: str, problem: str, field: str) -> Malformed:
        return Malformed(code, problem, offset=ranges[field][0], field=f"HEAD.{field}")

    end = ranges["weight_scale"][1]
    if end != offset + len(body):
        raise Malformed(
            "body-long", "Bytes follow the last field of HEAD.", offset=end, field="HEAD"
        )
    if values.kept > values.pool_size:
        raise refuse(
            "kept-over-pool",
            f"HEAD keeps {values.kept} images of a pool of {values.pool_size}.",
            "kept",
        )
    if not 1 <= values.classes <= MAX_CLASSES:
        raise refuse("class-count", f"HEAD declares {values.classes} classes.", "classes")
    unknown = values.features & ~layout.KNOWN_FEATURES
    if unknown:
        raise Unsupported(
            "unknown-feature",
            f"The file needs features that this reader does not know ({feature_names(unknown)}); "
            "use a newer reader.",
            offset=ranges["features"][0],
            field="HEAD.features",
        )
    both = layout.FEATURE_WEIGHTS | layout.FEATURE_RULE
    if values.features & both == both:
        raise refuse(
            "feature-conflict",
            "HEAD requires both weights and a rule, which has none.",
            "features",
        )
    scale = None
    if values.weight_scale is not None:
        try:
            scale = WeightScale(
                values.weight_scale.bits, values.weight_scale.low, values.weight_scale.step
            )
        except Unwritable as error:
            raise refuse("weight-scale", error.problem, "weight_scale") from None
    if values.kept > limits.kept:
        raise over_limit("kept", limits.kept, ranges["kept"][0])
    if values.max_stream > limits.stream:
        raise over_limit("stream", limits.stream, ranges["max_stream"][0])
    return Head(
        PoolRef(values.pool_id, values.pool_size),
        values.kept,
        values.classes,
        values.features,
        values.max_stream,
        values.check,
        scale,
        crc,
    )
