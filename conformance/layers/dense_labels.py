"""Dense label streams (section 9), those of the vectors."""

from __future__ import annotations

from typing import Any

from .. import appendix_b as spec
from ..build import BITMAP, DELTA, DENSE, RLE, Block
from .case import Layer, blocks, check

_CODES = ("dense-corrupt", "dense-tail")
_POSITIONS = {
    BITMAP: spec.read_bitmap,
    DELTA: spec.read_delta,
    RLE: spec.read_rle,
    DENSE: spec.read_dense_positions,
}


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "9",
        {
            "data": "the stream, hexadecimal",
            "positions": "of the block's images, from its first one, which is 0",
            "classes": "C",
            "shift": "bits 5 to 7 of the block's form",
            "labels": "a class number for each image",
        },
    )
    for vector, draft, block in blocks("dense", _CODES, "labels"):
        if block.shift:
            classes = draft.meaning.classes
            given = {"positions": _positions(block), "classes": classes, "shift": block.shift}
            _add(made, vector.id, vector.sentence, block.labels.stored, given)
            check(vector, made)
    return made


def _positions(block: Block) -> list[int]:
    decode = _POSITIONS[block.encoding]
    positions: list[int] = decode(block.positions.stored, block.span, block.count)
    return positions


def _add(made: Layer, name: str, about: str, data: bytes, given: dict[str, Any]) -> None:
    args = (given["positions"], given["classes"], given["shift"])
    made.add(
        name,
        about,
        {"data": data.hex(), **given},
        lambda: {"labels": spec.read_dense_labels(data, *args)},
    )
