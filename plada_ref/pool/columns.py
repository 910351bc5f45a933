"""Arrow columns of digests and keys as whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def whole(column: pa.ChunkedArray) -> Any:
    """One array with all values of a column."""
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def digest_rows(array: Any) -> npt.NDArray[np.uint8]:
    """A fixed-size binary array of n digests as shape (n, 32) uint8, without a copy."""
    if not len(array):
        return np.empty((0, 32), np.uint8)
    start = 32 * array.offset
    data = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    return data[start : start + 32 * len(array)].reshape(-1, 32)


def digest_array(rows: npt.NDArray[np.uint8]) -> Any:
    """Digests of shape (n, 32) uint8 as a fixed-size binary array."""
    data = pa.py_buffer(np.ascontiguousarray(rows).reshape(-1))
    return pa.Array.from_buffers(pa.binary(32), len(rows), [None, data])
