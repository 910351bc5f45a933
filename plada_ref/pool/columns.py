"""Convert Arrow columns of digests and keys to whole arrays and back, with few copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def whole(column: pa.ChunkedArray) -> Any:
    """Return all values of a column as one array."""
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def digest_rows(array: Any) -> npt.NDArray[np.uint8]:
    """View a fixed-size binary array of n digests as shape (n, 32) uint8, without a copy."""
    if not len(array):
        return np.empty((0, 32), np.uint8)
    start = 32 * array.offset
    data = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    return data[start : start + 32 * len(array)].reshape(-1, 32)


def digest_array(rows: npt.NDArray[np.uint8]) -> Any:
    """Convert digests of shape (n, 32) uint8 to a fixed-size binary array."""
    data = pa.py_buffer(np.ascontiguousarray(rows).reshape(-1))
    return pa.Array.from_buffers(pa.binary(32), len(rows), [None, data])


class GrowingStrings:
    """Collects strings piece by piece into one Arrow array; only a piece is held twice.

    `pyarrow.concat_arrays` needs all pieces and the result at the same time.
    """

    def __init__(self) -> None:
        self._data = np.empty(0, np.uint8)
        self._ends = np.zeros(1, np.int64)

    def extend(self, strings: Any) -> None:
        """Append the values of a string or large string array; without any nulls.

        Raises:
            pyarrow.ArrowInvalid: if they are not UTF-8, or the array is damaged.
        """
        strings.validate(full=True)
        strings = strings.cast(pa.large_string())
        _, offsets, data = strings.buffers()
        bounds = np.frombuffer(offsets, np.int64)[strings.offset :][: len(strings) + 1]
        if not len(bounds):
            return
        start, count = len(self._data), len(self._ends)
        piece = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
        self._data.resize(start + len(piece), refcheck=False)
        self._data[start:] = piece
        self._ends.resize(count + len(strings), refcheck=False)
        self._ends[count:] = bounds[1:] - bounds[0] + start

    def array(self) -> pa.LargeStringArray:
        """Return all strings; nothing can be added after this."""
        buffers = [None, pa.py_buffer(self._ends), pa.py_buffer(self._data)]
        return pa.Array.from_buffers(pa.large_string(), len(self._ends) - 1, buffers)
