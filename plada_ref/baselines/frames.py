"""Zstandard level 19 over everything that a baseline sends, as in the paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from pladafmt import PladaError, varint

from ..errors import PipelineError

LEVEL = 19


def compress(parts: list[bytes]) -> bytes:
    """Return `parts`, joined, as one Zstandard frame."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(b"".join(parts))


class Reader:
    """Takes apart what `compress` joined.

    Args:
        frame: the compressed bytes.
        what: what they should be, for messages.

    Raises:
        PipelineError: here and in every method, if they are something else.
    """

    def __init__(self, frame: bytes, *, what: str) -> None:
        self._what = what
        try:
            self._data: bytes = zstandard.ZstdDecompressor().decompress(frame)
        except zstandard.ZstdError as exc:
            raise self.refuse(f"they do not decompress: {exc}") from exc
        self._at = 0

    def refuse(self, problem: str) -> PipelineError:
        """The error that says what is wrong."""
        return PipelineError(f"These bytes are not a {self._what} ({problem}); encode it again.")

    def number(self) -> int:
        """The next number, written as a varint."""
        try:
            value, self._at = varint.read(self._data, self._at)
        except PladaError as exc:
            raise self.refuse(str(exc)) from exc
        return value

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise self.refuse(f"they end {size - len(taken)} bytes too early")
        self._at += size
        return taken

    def array(self, dtype: str, count: int) -> npt.NDArray[Any]:
        """The next `count` values of a NumPy type."""
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype)

    def finish(self) -> None:
        """Check that nothing is left."""
        if self._at < len(self._data):
            raise self.refuse(f"{len(self._data) - self._at} bytes follow")
