"""Open local paths and every URL that fsspec knows, safely after a fork."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Any

import fsspec
import fsspec.core

from ..errors import Misuse

_MAGIC = frozenset("*?[")


def filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of `url` and the path in it.

    File systems hold sockets and file offsets, so a forked process gets its own.

    Raises:
        Misuse: if the protocol is unknown or its package is not installed.
    """
    return _filesystem(url, os.getpid())


@functools.lru_cache(maxsize=256)
def _filesystem(url: str, _pid: int) -> tuple[Any, str]:
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as exc:
        raise Misuse(f"{url!r} cannot be opened: {exc}.") from exc
    return fs, path


def expand(spec: str) -> list[str]:
    """Return the URLs that a path, URL or glob matches, sorted.

    Raises:
        Misuse: if nothing is there.
    """
    fs, path = filesystem(spec)
    if fs.exists(path):  # First: a folder may really be called "photos [2019]".
        return [_with_protocol(spec, fs, path)]
    found = sorted(fs.glob(path)) if _MAGIC & set(path) else []
    if not found:
        raise Misuse(f"There is nothing at {spec!r}; give image folders, .tar or .parquet files.")
    return [_with_protocol(spec, fs, match) for match in found]


def _with_protocol(spec: str, fs: Any, path: str) -> str:
    """Return an absolute URL for `path`; a chained URL keeps what follows its first link."""
    _, link, rest = spec.partition("::")
    if link:
        return f"{spec.split('://', 1)[0]}://{path.lstrip('/')}::{rest}"
    if "file" in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)):
        return path
    return str(fs.unstrip_protocol(path))


def fingerprint(*infos: object) -> str:
    """Return a hex digest that changes when a file's size, time or another property changes."""
    state = hashlib.sha256()
    for info in infos:
        state.update(repr(info).encode("utf-8", "surrogatepass") + b"\0")
    return state.hexdigest()
