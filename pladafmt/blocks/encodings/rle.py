"""RLE: the lengths of the runs of kept images, then of the skipped runs between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ... import varint
from ...errors import Malformed, PladaError
from .. import integers

FIELD = "BLOCK.positions"


def encode(relative: npt.NDArray[np.int64], span: int) -> list[bytes]:
    """Return the parts of the stream of `relative`, not yet compressed."""
    breaks = np.flatnonzero(np.diff(relative) > 1)
    firsts = relative[np.concatenate(([0], breaks + 1))]
    lasts = relative[np.concatenate((breaks, [relative.size - 1]))]
    kept = lasts - firsts + 1
    skipped = firsts[1:] - lasts[:-1] - 1
    return [varint.write(kept.size), *integers.encode(np.concatenate((kept, skipped)))]


def size_bounds(span: int, count: int) -> tuple[int, int]:
    """Return the least and the most bytes of a valid stream."""
    runs = min(count, span - count + 1)
    return 2, varint.MAX_BYTES + integers.size_bounds(2 * runs - 1, span)[1]


def decode(stream: bytes, span: int, count: int, offset: int) -> npt.NDArray[np.int64]:
    """Return the relative positions of a stream whose size lies within the bounds.

    Raises:
        PladaError: what varints and split integers are refused for; ``run-count`` if there cannot
            be so many runs, ``run-total`` if the runs do not fill the range, ``position-count`` if
            the kept ones do not add up to `count`.
    """
    try:
        runs, start = varint.read(stream, 0)
    except PladaError as error:
        raise type(error)(
            error.code if error.code != "truncated" else "integer-size",
            error.problem,
            offset=offset,
            field=FIELD,
        ) from None
    if not 1 <= runs <= min(count, span - count + 1):
        raise Malformed(
            "run-count",
            f"There cannot be {runs} runs in this block.",
            offset=offset,
            field=FIELD,
        )
    lengths = integers.decode(stream[start:], 2 * runs - 1, offset=offset + start, field=FIELD)
    # Where the exact sum could wrap around, a float sum settles whether it does.
    may_wrap = int(lengths.max()) * lengths.size >= 2**63
    too_long = may_wrap and float(lengths.sum(dtype=np.float64)) > 2.0 * span
    if too_long or int(lengths.sum()) != span:
        raise Malformed(
            "run-total",
            f"The runs do not add up to the block's span of {span}.",
            offset=offset,
            field=FIELD,
        )
    kept = lengths[:runs]
    found = int(kept.sum())
    if found != count:
        raise Malformed(
            "position-count",
            f"The runs keep {found} images; the block says {count}.",
            offset=offset,
            field=FIELD,
        )
    # Distances, which add up to positions in place: one array of `count` and no second.
    relative = np.ones(count, dtype=np.int64)
    relative[0] = 0
    # No run is empty, so none of these is the first or comes twice.
    relative[np.cumsum(kept[:-1])] = lengths[runs:] + 1
    return np.cumsum(relative, out=relative)
