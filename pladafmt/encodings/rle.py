"""RLE: the lengths of runs, kept and skipped in turn, as varints of length - 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import varint
from ..errors import Malformed

FIELD = "BLOCK.positions"


def encode(relative: npt.NDArray[np.int64], span: int) -> bytes:
    """Return the run lengths of `relative`, which starts and ends with a kept run."""
    breaks = np.flatnonzero(np.diff(relative) > 1)
    firsts = relative[np.concatenate(([0], breaks + 1))]
    lasts = relative[np.concatenate((breaks, [relative.size - 1]))]
    edges = np.stack([firsts, lasts + 1], axis=1).reshape(-1)
    return varint.write_array((np.diff(edges) - 1).astype(np.uint64))


def size_bounds(span: int, count: int) -> tuple[int, int]:
    """Return the least and the most bytes of a valid stream."""
    runs = min(count, span - count + 1)
    return 1, (2 * runs - 1) * varint.MAX_BYTES


def decode(stream: bytes, span: int, count: int, offset: int) -> npt.NDArray[np.int64]:
    """Return the relative positions of a run-length stream.

    Raises:
        Malformed: what varints are refused for, ``run-parity`` if the last run is a skipped one,
            ``run-total`` if the runs do not fill the range, ``position-count`` if the kept ones
            do not add up to `count`.
    """
    lengths = varint.read_array(stream, offset=offset, field=FIELD)
    if lengths.size % 2 == 0:
        raise Malformed(
            "run-parity", "The run lengths end with a skipped run.", offset=offset, field=FIELD
        )
    # Longer runs than the range would make the exact sums below wrap around.
    longest = int(lengths.max()) + 1
    total = None if longest > span else int(lengths.sum(dtype=np.float64)) + lengths.size
    if total is not None and total <= 2 * span:
        total = int(lengths.sum()) + lengths.size
    if total != span:
        raise Malformed(
            "run-total",
            f"The runs do not add up to the block's span of {span}.",
            offset=offset,
            field=FIELD,
        )
    kept = lengths[0::2].astype(np.int64) + 1
    found = int(kept.sum())
    if found != count:
        raise Malformed(
            "position-count",
            f"The runs keep {found} images; the block says {count}.",
            offset=offset,
            field=FIELD,
        )
    starts = np.cumsum(lengths.astype(np.int64) + 1) - lengths.astype(np.int64) - 1
    # Each kept image: its index, shifted by what was skipped before its run.
    shift = starts[0::2] - (np.cumsum(kept) - kept)
    relative: npt.NDArray[np.int64] = np.arange(count, dtype=np.int64) + np.repeat(shift, kept)
    return relative
