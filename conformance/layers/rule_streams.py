"""The streams of rules (section 17.2), those of the vectors."""

from __future__ import annotations

from typing import Any

from .. import appendix_b as spec
from ..build import RULE
from .case import MOST_BYTES, Layer, check, drafts

_CODES = ("dense-corrupt", "dense-tail", "rule-range")


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "17.2",
        {
            "data": "the stream, hexadecimal",
            "classes": "C",
            "columns": "d, codes of each image that the rule uses",
            "top": "the largest weight",
            "shift": "what biases and thresholds are multiplied by 2 to the power of",
            "weights": "a row of d for each class",
            "biases": "one for each class",
            "thresholds": "one for each class",
        },
    )
    for vector, _, draft in drafts("rules", _CODES):
        parts = next((each.parts for each in draft.chunks if each.kind == RULE), {})
        stream = parts.get("stream", bytes(MOST_BYTES + 1))
        if len(stream) <= MOST_BYTES:
            columns, _ = spec.read_varint(parts["columns"], 0)
            top, shift = parts["scale"][0] & 15, parts["scale"][0] >> 4
            shape = {"classes": draft.meaning.classes, "columns": columns, "top": top}
            _add(made, vector.id, vector.sentence, stream, shape | {"shift": shift})
            check(vector, made)
    return made


def _add(made: Layer, name: str, about: str, data: bytes, shape: dict[str, int]) -> None:
    def decode() -> dict[str, Any]:
        weights, biases, thresholds = spec.read_rule(data, *shape.values())
        return {"weights": weights, "biases": biases, "thresholds": thresholds}

    made.add(name, about, {"data": data.hex(), **shape}, decode)
