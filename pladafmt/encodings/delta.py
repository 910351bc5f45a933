"""Delta: the distance from each kept image to the next one, as split integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import integers
from ..errors import Malformed
from ..loops import paths

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
    distances = integers.decode(stream, count - 1, offset=offset, field=FIELD)
    return positions(distances, span, offset)


def positions(distances: npt.NDArray[np.int64], span: int, offset: int) -> npt.NDArray[np.int64]:
    """Return the relative positions that distances of 1 to 2^53-1 lead to, the first being 0.

    Raises:
        Malformed: ``distance-total`` if they do not lead to the end of the range.
    """
    # A float sum cannot wrap around; it settles whether the exact one is safe.
    total = float(distances.sum(dtype=np.float64))
    relative = np.empty(distances.size + 1, dtype=np.int64)
    relative[0] = 0
    path = paths.loaded()
    if path is None:
        np.cumsum(distances, out=relative[1:])
    else:
        path.kernels.accumulate(distances, relative[1:])
    if total > 2.0 * span or int(relative[-1]) != span - 1:
        raise Malformed(
            "distance-total",
            f"The distances do not add up to the block's span of {span}.",
            offset=offset,
            field=FIELD,
        )
    return relative
