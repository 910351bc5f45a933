"""Fetch a file from an address: whole, at most so many bytes, and on after a broken connection.

Over HTTP one request fetches the file. When the connection breaks, the next one asks for the rest,
where the server has ranges and says which version of the file it sends; otherwise it starts again.
Other stores are asked for one piece after the other.
"""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable
from typing import IO, Any

from fsspec.asyn import sync

from ..errors import Misuse, PipelineError, one_line
from ..limits import raised
from .location import filesystem, fingerprint, of_client, protocol, reachable, state_of

OnBytes = Callable[[int], None]
"""Called with the number of bytes just read."""

WAITS = (0.2, 1.0, 3.0)
"""Seconds before each further attempt, counted anew after one that brought `_ENOUGH`."""

_ENOUGH = 1 << 16
_MOST_ATTEMPTS = 200
_CONNECT, _SILENT = 20.0, 60.0
"""Seconds that a server may take to answer at all, and between two pieces."""

_PIECE = 8 << 20
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same request may work."""


def download(address: str, file: IO[bytes], *, most: int, on_bytes: OnBytes | None = None) -> str:
    """Write what lies at an address into an open file, and return its SHA-256 in hex.

    Args:
        address: as fsspec knows them; see `plada_ref.storage.location`.
        file: empty, and open for writing.
        most: bytes that are fetched at most, counted as they come, whatever the server announces.
        on_bytes: hears how many bytes came.

    Raises:
        FileNotFoundError: if the server says that nothing is there.
        PipelineError: if it has more bytes, leads elsewhere, or cannot be read to its end.
        Misuse: if the protocol is unknown or its package is missing.
    """
    fs, path = filesystem(address)
    sink = _Sink(address, file, most, on_bytes)
    try:
        with reachable(address):
            if protocol(fs).startswith("http"):
                _over_http(fs, path, sink)
            else:
                _in_pieces(fs, path, sink)
    except PipelineError:
        raise
    except FileNotFoundError as exc:
        raise absent(address) from exc
    except (TimeoutError, OSError) as exc:
        if isinstance(exc, OSError) and exc.filename == getattr(file, "name", ""):
            raise  # Our own disk.
        raise unreachable(address, exc) from exc
    return sink.digest.hexdigest()


def absent(address: str) -> FileNotFoundError:
    """Return the error about an address where the server has nothing."""
    return FileNotFoundError(errno.ENOENT, "the server has no such file", address)


def unreachable(address: str, exc: BaseException) -> PipelineError:
    """Return the sentence about an address from which nothing could be read."""
    return PipelineError(
        f"{address!r} cannot be read ({one_line(exc)}); check the address and the connection, and "
        "run the same command again."
    )


class _Sink:
    """Bytes as they come: counted, hashed and written.

    Attributes:
        size: bytes so far.
        digest: their SHA-256.
        version: what the server calls the version of the file, "" if it does not say.
    """

    def __init__(self, address: str, file: IO[bytes], most: int, on_bytes: OnBytes | None) -> None:
        self.address = address
        self.version = ""
        self._file, self._most, self._on_bytes = file, most, on_bytes
        self.size, self.digest = 0, hashlib.sha256()

    def announced(self, size: int | None) -> None:
        """Refuse a file that is too large before it is read, if the server says so."""
        if size is not None and size > self._most:
            raise self._too_large(f"has {size:,} bytes")

    def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._most:
            raise self._too_large("has more bytes than it may")
        self._file.write(data)
        self.digest.update(data)
        if self._on_bytes is not None:
            self._on_bytes(len(data))

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self.size, self.digest, self.version = 0, hashlib.sha256(), ""

    def _too_large(self, what: str) -> PipelineError:
        return PipelineError(
            f"The file at {self.address!r} {what}; at most {self._most:,} are fetched of it. If "
            f"it comes from someone you trust, raise the limit: {raised('download', 64 << 30)}"
        )


class _Again(Exception):
    """The connection broke, or the server was busy: the next attempt may get further."""


def _over_http(fs: Any, path: str, sink: _Sink) -> None:
    failures = 0
    for _ in range(_MOST_ATTEMPTS):
        before = sink.size
        try:
            sync(fs.loop, _one_request, fs, path, sink)
            return
        except _Again as exc:
            failures = 0 if sink.size - before >= _ENOUGH else failures + 1
            if failures > len(WAITS):
                raise PipelineError(
                    f"The connection to {sink.address!r} broke after {sink.size:,} bytes, again "
                    f"and again ({one_line(exc)}); run the same command again."
                ) from exc
        time.sleep(WAITS[max(failures, 1) - 1])
    raise PipelineError(
        f"{sink.address!r} was not read to its end in {_MOST_ATTEMPTS} connections; try again "
        "where the connection is better."
    )


async def _one_request(fs: Any, path: str, sink: _Sink) -> None:
    import aiohttp

    session = await fs.set_session()
    more = dict(fs.kwargs)
    headers = dict(more.pop("headers", {})) | {"Accept-Encoding": "identity"}
    if sink.size and sink.version:
        headers |= {"Range": f"bytes={sink.size}-", "If-Range": sink.version}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENT)
    try:
        async with session.get(
            fs.encode_url(path), headers=headers, timeout=timeout, **more
        ) as reply:
            _check_way(sink.address, reply)
            if reply.status in _BUSY:
                raise _Again(f"status {reply.status}")
            if reply.status in (404, 410):
                raise absent(sink.address)
            reply.raise_for_status()
            _place(reply, sink)
            async for data in reply.content.iter_chunked(1 << 16):
                sink.write(data)
    except aiohttp.NonHttpUrlClientError as exc:
        raise PipelineError(
            f"{sink.address!r} leads to {str(exc)!r}, which is no web address; nothing was fetched."
        ) from exc
    except aiohttp.ClientConnectorError:
        raise  # Nobody is there, which a second attempt would not change.
    except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, TimeoutError) as exc:
        raise _Again(one_line(exc)) from exc


def _check_way(address: str, reply: Any) -> None:
    """Refuse to be led from an encrypted connection to an open one."""
    way = [*(each.url for each in reply.history), reply.url]
    if way[0].scheme == "https" and any(url.scheme != "https" for url in way):
        raise PipelineError(
            f"{address!r} leads to {str(reply.url)!r}, where the connection is not encrypted; "
            "nothing was fetched. If you trust the way there, give that address itself."
        )


def _place(reply: Any, sink: _Sink) -> None:
    """Get the sink ready for the body of a reply: behind what is there, or from its beginning."""
    headers = reply.headers
    etag = headers.get("ETag", "")
    # A weak tag does not promise the same bytes.
    version = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
    begins = f"bytes {sink.size}-"
    goes_on = reply.status == 206 and headers.get("Content-Range", "").startswith(begins)
    if sink.size and not (goes_on and version == sink.version):
        if reply.status == 206:
            sink.restart()
            raise _Again("the file was replaced meanwhile")
        sink.restart()
    encoded = headers.get("Content-Encoding", "identity") not in ("", "identity")
    sink.version = "" if encoded else version
    if not encoded and reply.content_length is not None:
        sink.announced(sink.size + reply.content_length)


def _in_pieces(fs: Any, path: str, sink: _Sink) -> None:
    fs.invalidate_cache()
    info = fs.info(path)
    if info.get("type") == "directory":
        raise Misuse(f"{sink.address!r} is a folder; give the address of a file.")
    size = info.get("size")
    sink.announced(size)
    if size is None:
        with fs.open(path, "rb") as stored:
            while data := stored.read(1 << 20):
                sink.write(data)
        return
    while sink.size < size:
        data = piece(fs, path, sink.size, min(sink.size + _PIECE, size))
        if not data:
            break
        sink.write(data)
    fs.invalidate_cache()
    after = fs.info(path)
    if sink.size != size or fingerprint(state_of(after)) != fingerprint(state_of(info)):
        raise PipelineError(
            f"{sink.address!r} was replaced while it was fetched; run the same command again."
        )


def piece(fs: Any, path: str, start: int, stop: int) -> bytes:
    """Read the bytes from `start` to before `stop`, trying again where a connection breaks.

    Raises:
        FileNotFoundError: if nothing is there.
        Exception: of the package that reads it; see `plada_ref.storage.location.reachable`.
    """
    for wait in WAITS:
        try:
            return bytes(fs.cat_file(path, start=start, end=stop))
        except FileNotFoundError:
            raise
        except Exception as exc:  # Of the package that reads it, of any kind.
            if not isinstance(exc, OSError) and not of_client(exc):
                raise
            time.sleep(wait)
    return bytes(fs.cat_file(path, start=start, end=stop))
