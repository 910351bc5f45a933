"""The bytes of a large file, which need not be in memory together."""

from __future__ import annotations

from typing import BinaryIO, overload

from .errors import Malformed

_WINDOW = 1 << 16
"""Bytes that are read when one is asked for."""


class StoredBytes:
    """The bytes of an open file: indexed and sliced like `bytes`, and read when that is done.

    Args:
        file: may be read anywhere.
        size: bytes in it.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._start = 0
        self._window = b""

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int, /) -> int: ...
    @overload
    def __getitem__(self, place: slice, /) -> bytes: ...

    def __getitem__(self, place: int | slice, /) -> int | bytes:
        if isinstance(place, slice):
            start, end, _ = place.indices(self._size)
            return self._read(start, max(0, end - start))
        if not self._start <= place < self._start + len(self._window):
            self._window = self._read(place, min(_WINDOW, self._size - place))
            self._start = place
        return self._window[place - self._start]

    def _read(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        data = self._file.read(count)
        if len(data) < count:
            raise Malformed(
                "truncated", "The file became shorter while it was read.", offset=start + len(data)
            )
        return data
