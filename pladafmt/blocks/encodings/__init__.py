"""Position encodings: which images of a block's range are kept (specification, section 8).

Each encoding is one module with the same three functions::

    encode(relative, span) -> parts of the stream
    size_bounds(span, count) -> (least, most) bytes of a valid stream
    decode(stream, span, count, offset) -> relative positions

`relative` positions are int64, shape (count,), strictly increasing, counted from the block's first
position; the first is 0 and the last is span - 1.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from . import bitmap, delta, dense, rle

Relative = npt.NDArray[np.int64]


class Encoding(Protocol):
    """What each module of this package offers."""

    def encode(self, relative: Relative, span: int) -> list[bytes]:
        """Return the parts of the stream of `relative`, not yet compressed."""
        ...

    def size_bounds(self, span: int, count: int) -> tuple[int, int]:
        """Return the least and the most bytes of a valid stream."""
        ...

    def decode(self, stream: bytes, span: int, count: int, offset: int) -> Relative:
        """Return the relative positions of a stream whose size lies within the bounds."""
        ...


NUMBERS: dict[str, int] = {"bitmap": 0, "delta": 1, "rle": 2}
"""Encoding numbers as in BLOCK.form; among equally small streams `auto` takes the least number."""

DENSE = 3
"""Number of the dense encoding, which needs the required feature `dense`."""

NAMES: dict[int, str] = {number: name for name, number in NUMBERS.items()} | {DENSE: "dense"}

MODULES: dict[int, Encoding] = {0: bitmap, 1: delta, 2: rle, DENSE: dense}
