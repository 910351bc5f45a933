"""Vectors of single layers, below whole files: bytes, and what they decode to or the error code.

Each module makes the cases of one layer with the programs of the specification's Appendix B; many
are the streams of the vectors, taken out of their files. Nothing here knows `pladafmt`.
"""

from __future__ import annotations

import json

from . import (
    dense_labels,
    dense_positions,
    ed25519,
    merkle_trees,
    position_streams,
    range_coder,
    rule_streams,
    split_integers,
    varints,
    zstd_frames,
)
from .case import Layer

FOLDER = "layers"

_MODULES = (
    varints,
    split_integers,
    position_streams,
    range_coder,
    dense_positions,
    dense_labels,
    rule_streams,
    zstd_frames,
    merkle_trees,
    ed25519,
)


def layers() -> dict[str, Layer]:
    """Return every layer by its name."""
    made: dict[str, Layer] = {each.__name__.rpartition(".")[2]: each.layer() for each in _MODULES}
    return made


def files() -> dict[str, bytes]:
    """Return the layers' files by their path below the vectors' folder."""
    return {f"{FOLDER}/{name}.json": _text(name, layer) for name, layer in layers().items()}


def _text(name: str, layer: Layer) -> bytes:
    """One case a line, so that a change of one is seen."""
    if len({case["id"] for case in layer.cases}) < len(layer.cases):
        raise ValueError(f"two cases of the layer {name} have the same id")
    head = {"layer": name, "section": layer.section, "members": layer.members}
    lines = ",\n".join(f"  {json.dumps(case)}" for case in layer.cases)
    return f'{json.dumps(head, indent=1)[:-2]},\n "cases": [\n{lines}\n ]\n}}\n'.encode("ascii")
