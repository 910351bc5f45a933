"""Open a file that is to be read as a payload, whatever file that is."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from . import layout
from .stored import StoredBytes

MOST_WHOLE = 64 << 20
"""Bytes of a file that is read in one go; of a larger one, each chunk when its turn comes."""

MOST_STREAMED = 1 << 30
"""Bytes that are read of a pipe or a device, which cannot be read in pieces."""

_BEGINNING = 1 << 16


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[bytes | StoredBytes]:
    """Yield the bytes of a file, without holding more of a large one than is looked at.

    Of a pipe or a device that does not begin as a `.plada` file, only the beginning is read: it may
    have no end.

    Raises:
        OSError: if it cannot be read, or is a pipe or a device of more than `MOST_STREAMED` bytes.
    """
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode):
            if found.st_size > MOST_WHOLE:
                yield StoredBytes(file, found.st_size)
            else:
                yield file.read(MOST_WHOLE)
            return
        data = file.read(_BEGINNING)
        if data.startswith(layout.MAGIC):
            data += file.read(MOST_STREAMED - len(data) + 1)
        if len(data) > MOST_STREAMED:
            said = f"more than {MOST_STREAMED:,} bytes from a pipe or device; make it a file first"
            raise OSError(errno.EFBIG, said, os.fspath(path))
        yield data
