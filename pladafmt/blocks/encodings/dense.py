"""Dense: the distances of delta by an adaptive range coder (specification, section 9)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...limits import MAX_POSITION
from .. import dense
from .delta import FIELD, accumulate


def encode(relative: npt.NDArray[np.int64], span: int) -> list[bytes]:
    """Return the stream of `relative`, which no Zstd frame makes smaller."""
    distances = np.diff(relative)
    # Nine bytes are more than the coder ever spends on a distance.
    stream = dense.encode_distances(distances, 16 * distances.size + 16)
    assert stream is not None
    return [stream]


def size_bounds(span: int, count: int) -> tuple[int, int]:
    """Return the least and the most bytes of a valid stream; its length bounds no work."""
    return 0, MAX_POSITION


def decode(stream: bytes, span: int, count: int, offset: int) -> npt.NDArray[np.int64]:
    """Return the relative positions of a dense stream.

    Raises:
        PladaError: ``dense-corrupt``, ``dense-tail``, ``distance-total``.
    """
    relative = np.zeros(count, dtype=np.int64)
    dense.decode_distances_into(relative[1:], stream, offset=offset, field=FIELD)
    accumulate(relative, span, offset)
    return relative
