"""Read stored files, and ranges of bytes in them.

A server that sends only whole files is read as well: each process fetches a file once, into a
temporary file, and keeps the last `_COPIES` of them.
"""

from __future__ import annotations

import functools
import io
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from fsspec.asyn import sync

from ..errors import PipelineError
from .download import download, piece
from .location import filesystem, protocol, reachable

_COPIES = 2
_BUFFER = 1 << 17


@contextmanager
def opened(url: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file for reading at any place; yields it and its length in bytes.

    Raises:
        PipelineError: if it is remote and cannot be read.
    """
    fs, path = filesystem(url)
    with reachable(url):
        if protocol(fs) == "file":
            with open(path, "rb", buffering=_BUFFER) as file:
                yield file, os.fstat(file.fileno()).st_size
        elif not _ranges_of(url):
            copy = _CopyReader(_copy_of(url))
            yield io.BufferedReader(copy, _BUFFER), copy.length
        else:
            with fs.open(path, "rb") as file:
                yield file, int(fs.info(path)["size"])


def read_range(url: str, offset: int, size: int) -> bytes:
    """Read `size` bytes of a file from `offset`.

    Raises:
        PipelineError: if there are fewer, or it is remote and cannot be read.
    """
    if not size:
        return b""
    fs, path = filesystem(url)
    with reachable(url):
        if protocol(fs) == "file":
            with open(path, "rb") as file:
                file.seek(offset)
                data = file.read(size)
        elif not _ranges_of(url):
            copy = _copy_of(url)  # Held: another thread's may take its place in the cache.
            data = os.pread(copy.fileno(), size, offset)
        else:
            data = piece(fs, path, offset, offset + size)
    if len(data) != size:
        raise PipelineError(
            f"{url!r} gives {len(data):,} of the {size:,} bytes from byte {offset:,}; it was cut "
            "short or replaced while it was in use, so start again."
        )
    return data


_ONE_AT_A_TIME = threading.Lock()
"""Threads that read the same file ask its server once, and fetch it once."""


def _ranges_of(url: str) -> bool:
    with _ONE_AT_A_TIME:
        return _serves_ranges(url, os.getpid())


def _copy_of(url: str) -> IO[bytes]:
    with _ONE_AT_A_TIME:
        return _copy(url, os.getpid())


@functools.lru_cache(maxsize=4096)
def _serves_ranges(url: str, _pid: int) -> bool:
    """Whether a server sends a part of a file when asked for it; other file systems do."""
    fs, path = filesystem(url)
    if not protocol(fs).startswith("http"):
        return True

    async def ask() -> bool:
        session = await fs.set_session()
        more = dict(fs.kwargs)
        headers = dict(more.pop("headers", {})) | {"Range": "bytes=0-0"}
        async with session.get(fs.encode_url(path), headers=headers, **more) as reply:
            # 416: an empty file has no first byte. The body is not read.
            return reply.status in (206, 416)

    return bool(sync(fs.loop, ask)) and bool(fs.info(path).get("size"))


@functools.lru_cache(maxsize=_COPIES)
def _copy(url: str, _pid: int) -> IO[bytes]:
    """Fetch a file whole; the copy has no name and goes with the process."""
    copy = tempfile.TemporaryFile(prefix="plada-")  # noqa: SIM115
    download(url, copy, most=1 << 62)  # A shard may be of any size.
    copy.flush()
    return copy


class _CopyReader(io.RawIOBase):
    """Reads a copy with a position of its own: it may be open more than once."""

    def __init__(self, copy: IO[bytes]) -> None:
        self._copy = copy  # Kept open, even if the cache drops it.
        self._position = 0
        self.length = os.fstat(copy.fileno()).st_size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self.length)[whence]
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._copy.fileno(), len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
