"""What the parts of a block say, in a few words, for people."""

from __future__ import annotations

import numpy as np

from .. import chunks, layout
from ..ledger import Alike
from .columns import Columns
from .encodings import NAMES


def notes(first: int, span: int, count: int, form: int) -> dict[str, str]:
    """Return what the fields of a block say, by their names."""
    encoding, shift = NAMES[form & layout.FORM_ENCODING], form >> layout.FORM_SHIFT_BIT
    return {
        "first": f"position {first}",
        "span": f"{span} positions",
        "count": f"{count} images",
        "form": f"{encoding}, dense labels with shift {shift}" if shift else encoding,
    }


def stream_note(compressed: bool) -> str:
    """Return how a stream is stored."""
    return "Zstd" if compressed else "stored"


_FIELDS = [part.name for part in layout.BLOCK_BODY.subcons]
_LEAVES = ["type", "length", *_FIELDS, "positions", "labels", "weights", "crc"]
_ZSTD = (layout.FORM_POSITIONS_ZSTD, layout.FORM_LABELS_ZSTD, layout.FORM_WEIGHTS_ZSTD)


def of_small_blocks(blocks: Columns, number: int) -> Alike:
    """Return the parts of these blocks, the first of which has this number."""
    edges = np.column_stack(
        [
            blocks.starts,
            blocks.starts + 1,
            blocks.bodies,
            blocks.field_ends,
            blocks.labels,
            blocks.weights,
            blocks.ends,
            blocks.ends + 4,
        ]
    )
    edges += blocks.offset
    sizes, crcs = blocks.ends - blocks.bodies, blocks.crcs
    fields = (blocks.first, blocks.span, blocks.count, blocks.form)

    def of(block: int) -> list[str]:
        first, span, count, form = (int(column[block]) for column in fields)
        said = notes(first, span, count, form)
        kind, length, crc = chunks.notes(layout.BLOCK, int(sizes[block]), int(crcs[block]))
        return [
            *(kind, length),
            *(said.get(name, "") for name in _FIELDS),
            *(stream_note(form & zstd != 0) for zstd in _ZSTD),
            crc,
        ]

    return Alike("BLOCK", number, _LEAVES, edges, of)
