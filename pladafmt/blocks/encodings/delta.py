"""Delta: the distance from each kept image to the next one, as split integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...errors import Malformed
from ...loops import backend
from .. import integers

FIELD = "BLOCK.positions"


def encode(relative: npt.NDArray[np.int64], span: int) -> list[bytes]:
    """Return the parts of the stream of `relative`, not yet compressed."""
    return integers.encode(np.diff(relative))


def size_bounds(span: int, count: int) -> tuple[int, int]:
    """Return the least and the most bytes of a valid stream."""
    return integers.size_bounds(count - 1, max(span - 1, 1))


def decode(stream: bytes, span: int, count: int, offset: int) -> npt.NDArray[np.int64]:
    """Return the relative positions of a stream whose size lies within the bounds.

    Raises:
        PladaError: what split integers are refused for; ``distance-total`` if the distances do
            not lead to the end of the range.
    """
    relative = np.zeros(count, dtype=np.int64)
    integers.decode_into(relative[1:], stream, offset=offset, field=FIELD)
    accumulate(relative, span, offset)
    return relative


def accumulate(relative: npt.NDArray[np.int64], span: int, offset: int) -> None:
    """Turn a zero and distances of 1 to 2^53-1, in place, into the positions they lead to.

    Raises:
        Malformed: ``distance-total`` if they do not lead to the end of the range.
    """
    compiled = backend.loaded()
    if compiled is not None:
        fits = compiled.kernels.accumulate(relative, span - 1)
    else:
        np.cumsum(relative, out=relative)
        # A sum that wraps around is negative for a thousand distances at least, so one in 512 shows
        # it, or the last.
        fits = relative.size <= 512 or not (relative[::512] < 0).any()
    if not fits or int(relative[-1]) != span - 1:
        raise Malformed(
            "distance-total",
            f"The distances do not add up to the block's span of {span}.",
            offset=offset,
            field=FIELD,
        )
