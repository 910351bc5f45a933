"""Open local paths and every URL that fsspec knows, safely after a fork."""

from __future__ import annotations

import functools
import glob
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import fsspec
import fsspec.core
from fsspec.implementations.local import LocalFileSystem

from ..errors import Misuse, PipelineError, one_line
from ..optional import DISTRIBUTION

_MAGIC = frozenset("*?[")

_CLIENTS = frozenset(
    {"aiohttp", "botocore", "aiobotocore", "s3fs", "gcsfs", "google", "adlfs", "azure", "requests"}
    | {"urllib3", "huggingface_hub", "httpx", "httpx2", "httpcore", "httpcore2"}
)
"""Packages that fsspec reads remote files with, and whose errors are no OSError."""

_VERSIONS = (
    "time",
    "created",
    "modif",
    "updated",
    "etag",
    "version",
    "generation",
    "crc",
    "md5",
    "sha",
    "digest",
    "checksum",
    "blob",
)
"""Parts of the names under which file systems say which version of a file is there."""

_PROCESS = secrets.token_hex(16)


def is_local(url: str) -> bool:
    """Whether `url` is a path in the local file system.

    A path may hold ``::``, which chains the protocols of a URL, as in ``zip://*.tar::pool.zip``.
    """
    if "://" in url:
        return False
    first, link, rest = url.partition("::")
    if not link or first not in fsspec.available_protocols():
        return True
    return os.path.lexists(first + link + rest.partition("/")[0])


def is_address(text: str) -> bool:
    """Whether a text is the address of something elsewhere: ``https://``, ``s3://`` and so on."""
    scheme, separator, _ = text.partition("://")
    return bool(separator) and scheme.partition("::")[0] not in ("file", "local")


def protocol(fs: Any) -> str:
    """Return the first name of a file system's protocol, such as ``"file"`` or ``"https"``."""
    return str(fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0])


def filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of `url` and the path in it.

    File systems hold sockets and file offsets, so a forked process gets its own.

    Raises:
        Misuse: if the protocol is unknown or its package is not installed.
    """
    # A relative path means another file in another working directory.
    return _filesystem(_absolute(url) if is_local(url) else url, os.getpid())


def _absolute(path: str) -> str:
    return str(LocalFileSystem._strip_protocol(path))  # Also expands "~".


@functools.lru_cache(maxsize=256)
def _filesystem(url: str, _pid: int) -> tuple[Any, str]:
    if is_local(url):
        return fsspec.filesystem("file"), url
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as exc:
        said = one_line(exc).rstrip(".")
        raise Misuse(
            f"{url!r} cannot be opened, since a package for such addresses is missing ({said}); "
            f'run: pip install "{DISTRIBUTION}[remote]"'
        ) from exc
    except ValueError as exc:
        raise Misuse(f"{url!r} cannot be opened: {one_line(exc).rstrip('.')}.") from exc
    return fs, path


def expand(spec: str) -> list[str]:
    """Return the URLs that a path, URL or glob matches, sorted.

    Raises:
        Misuse: if nothing is there.
    """
    found, reason = matches(spec)
    if not found:
        raise Misuse(
            f"There is nothing at {spec!r}{reason}; give image folders, .tar or .parquet files."
        )
    return found


def matches(spec: str) -> tuple[list[str], str]:
    """Return the URLs that a path, URL or glob matches, sorted; if there are none, also why.

    The reason is in parentheses, after a space, or empty where nothing more is known.
    """
    if is_local(spec):
        return _expand_path(spec), ""
    fs, path = filesystem(spec)
    with reachable(spec):
        if fs.exists(path):
            return [_with_protocol(spec, fs, path)], ""
        found = sorted(fs.glob(path)) if _MAGIC & set(path) else []
    if not found:
        return [], _reason(fs, path)
    return [_with_protocol(spec, fs, match) for match in found], ""


def _reason(fs: Any, path: str) -> str:
    """Return in parentheses why nothing is there: to fsspec, a server that is down is no file."""
    try:
        fs.info(path)
    except Exception as exc:  # Of the package that reads it, of any kind.
        return "" if exc.__cause__ is None else f" ({one_line(exc.__cause__)})"
    return ""


def _expand_path(spec: str) -> list[str]:
    """Return the absolute paths that a local path or glob matches.

    What exists under its own name is taken by it: ``pool [2019]/*.tar`` lies in a folder that is
    really called so.
    """
    path = _absolute(spec)
    if os.path.exists(path):
        return [path]
    folder, rest = os.sep, path.strip(os.sep).split(os.sep)
    while rest and os.path.lexists(os.path.join(folder, rest[0])):
        folder = os.path.join(folder, rest.pop(0))
    pattern = os.path.join(glob.escape(folder), *rest)
    if not _MAGIC & set("".join(rest)):
        return []
    return sorted(glob.glob(pattern, recursive=True, include_hidden=True))


def _with_protocol(spec: str, fs: Any, path: str) -> str:
    """Return an absolute URL for `path`; a chained URL keeps what follows its first link."""
    _, link, rest = spec.partition("::")
    if link:
        return f"{spec.split('://', 1)[0]}://{path.lstrip('/')}::{rest}"
    if "file" in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)):
        return path
    return str(fs.unstrip_protocol(path))


@contextmanager
def reachable(url: str) -> Iterator[None]:
    """Turn the errors of the packages that read remote files into sentences.

    Raises:
        PipelineError: instead of such an error.
    """
    try:
        yield
    except Exception as exc:
        if not of_client(exc):
            raise
        raise PipelineError(
            f"{url!r} cannot be read ({exc or type(exc).__name__}); check the address and the "
            "connection, and run the same command again."
        ) from exc


def of_client(exc: BaseException) -> bool:
    """Whether an error comes from a package that reads remote files."""
    return type(exc).__module__.partition(".")[0] in _CLIENTS


def fingerprint(*infos: object) -> str:
    """Return a hex digest that changes when a file's size, time or another property changes."""
    state = hashlib.sha256()
    for info in infos:
        state.update(repr(info).encode("utf-8", "surrogatepass") + b"\0")
    return state.hexdigest()


def state_of(info: Mapping[str, Any]) -> Iterable[object]:
    """Return what `fingerprint` tells one version of a stored file from another by.

    A server need not say when a file was changed. What was found in such a file is not used by
    another process: the same name and size may be other bytes.

    Args:
        info: what fsspec says about the file.
    """
    known = sorted(info.items(), key=str)
    told = (str(name).lower() for name, value in known if value)
    dated = any(part in name for name in told for part in _VERSIONS)
    return known if dated else [*known, _PROCESS]
