"""Dense position streams (section 9), those of the vectors."""

from __future__ import annotations

from .. import appendix_b as spec
from ..build import DENSE, Block
from .case import Layer, blocks, check

_CODES = ("dense-corrupt", "dense-tail", "distance-total")


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "9",
        {
            "data": "the stream, hexadecimal",
            "span": "the block's",
            "count": "the block's",
            "positions": "the kept images, from the block's first position, which is 0",
        },
    )
    for vector, _, block in blocks("dense", _CODES, "positions"):
        if block.encoding == DENSE:
            _add(made, vector.id, vector.sentence, block)
            check(vector, made)
    return made


def _add(made: Layer, name: str, about: str, block: Block) -> None:
    data, span, count = block.positions.stored, block.span, block.count
    given = {"data": data.hex(), "span": span, "count": count}
    made.add(
        name, about, given, lambda: {"positions": spec.read_dense_positions(data, span, count)}
    )
