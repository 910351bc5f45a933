"""Position streams of the encodings bitmap, delta and RLE (section 8), those of the vectors."""

from __future__ import annotations

from .. import appendix_b as spec
from ..build import BITMAP, DELTA, RLE, Block
from .case import Layer, blocks, check

_CODES = (
    "stream-size",
    "padding-bits",
    "position-count",
    "block-not-tight",
    "integer-size",
    "integer-width",
    "distance-total",
    "varint-overlong",
    "varint-overflow",
    "run-count",
    "run-total",
)
_ENCODINGS = {
    BITMAP: ("bitmap", spec.read_bitmap),
    DELTA: ("delta", spec.read_delta),
    RLE: ("rle", spec.read_rle),
}


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "8",
        {
            "encoding": "`bitmap`, `delta` or `rle`",
            "data": "the decoded stream, hexadecimal",
            "span": "the block's",
            "count": "the block's",
            "positions": "the kept images, from the block's first position, which is 0",
        },
    )
    for vector, _, block in blocks("positions", _CODES, "positions"):
        if block.encoding in _ENCODINGS and not block.positions.compressed:
            _add(made, vector.id, vector.sentence, block)
            check(vector, made)
    return made


def _add(made: Layer, name: str, about: str, block: Block) -> None:
    data, span, count = block.positions.stored, block.span, block.count
    encoding, read = _ENCODINGS[block.encoding]

    def decode() -> dict[str, list[int]]:
        least, most = spec.position_sizes(block.encoding, span, count)
        if not least <= len(data) <= most:
            spec.refuse("stream-size")
        return {"positions": read(data, span, count)}

    given = {"encoding": encoding, "data": data.hex(), "span": span, "count": count}
    made.add(name, about, given, decode)
