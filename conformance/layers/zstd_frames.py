"""Zstandard frames (section 7.2), those of the vectors."""

from __future__ import annotations

import hashlib

from .. import appendix_b as spec
from ..vector import Vector
from .case import Layer, blocks, check

CORRUPT = "zstd-corrupt"
"""What decoding finds: the program of Appendix B examines frames and does not decode them."""

_CODES = (
    "zstd-frame",
    "zstd-skippable",
    "zstd-dictionary",
    "zstd-no-size",
    "zstd-window",
    "zstd-trailing",
    "zstd-block",
    "zstd-checksum",
    CORRUPT,
)


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "7.2",
        {
            "data": "the frame, hexadecimal",
            "size": "bytes of its content",
            "sha256": "of its content",
        },
    )
    for vector, draft, block in blocks("zstd", _CODES, "labels"):
        if block.labels.compressed:
            meaning = draft.meaning
            content = spec.write_labels(list(meaning.labels), meaning.classes)
            _add(made, vector, block.labels.stored, content)
            check(vector, made)
    return made


def _add(made: Layer, vector: Vector, frame: bytes, content: bytes) -> None:
    def decode() -> dict[str, object]:
        size = spec.zstd_size(frame)
        if vector.code == CORRUPT:
            spec.refuse(CORRUPT)
        if size != len(content):
            raise ValueError(f"{vector.id}: the frame states {size} bytes of {len(content)}")
        return {"size": size, "sha256": hashlib.sha256(content).hexdigest()}

    made.add(vector.id, vector.sentence, {"data": frame.hex()}, decode)
