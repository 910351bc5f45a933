"""Delta: the positions skipped before each kept image but the first.

One byte per gap, then, in the same order, a varint for each gap that does not fit its byte: 255
says that the varint holds the rest.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import varint
from ..errors import Malformed

FIELD = "BLOCK.positions"
ESCAPE = 255


def encode(relative: npt.NDArray[np.int64], span: int) -> bytes:
    """Return the gaps of `relative`."""
    skipped = np.diff(relative) - 1
    heads = np.minimum(skipped, ESCAPE).astype(np.uint8)
    rest = (skipped[skipped >= ESCAPE] - ESCAPE).astype(np.uint64)
    head_bytes: bytes = heads.tobytes()
    return head_bytes + varint.write_array(rest)


def size_bounds(span: int, count: int) -> tuple[int, int]:
    """Return the least and the most bytes of a valid stream."""
    escapes = min(count - 1, (span - count) // ESCAPE)
    return count - 1, count - 1 + escapes * varint.MAX_BYTES


def decode(stream: bytes, span: int, count: int, offset: int) -> npt.NDArray[np.int64]:
    """Return the relative positions of a gap stream that has at least count - 1 bytes.

    Raises:
        Malformed: what varints are refused for, ``escape-count`` if there is not one varint for
            each escape, ``gap-total`` if the gaps do not lead to the end of the range.
    """
    heads = np.frombuffer(stream, dtype=np.uint8, count=count - 1)
    rest = varint.read_array(stream[count - 1 :], offset=offset + count - 1, field=FIELD)
    escaped = np.flatnonzero(heads == ESCAPE)
    if rest.size != escaped.size:
        raise Malformed(
            "escape-count",
            f"{escaped.size} gaps are escaped but {rest.size} varints follow.",
            offset=offset,
            field=FIELD,
        )
    steps = heads.astype(np.int64) + 1
    total = int(steps.sum()) + 1
    # A float sum cannot wrap around; it settles whether the exact one is safe.
    if rest.size and float(rest.sum(dtype=np.float64)) > 2.0 * span:
        total = -1
    else:
        steps[escaped] += rest.astype(np.int64)
        total += int(rest.sum())
    if total != span:
        raise Malformed(
            "gap-total",
            f"The gaps do not add up to the block's span of {span}.",
            offset=offset,
            field=FIELD,
        )
    relative = np.zeros(count, dtype=np.int64)
    np.cumsum(steps, out=relative[1:])
    return relative
