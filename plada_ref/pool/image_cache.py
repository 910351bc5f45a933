"""Images of remote pools that are kept on this computer, each under its SHA-256.

What lies there is compared with its name whenever it is used, so it may be shared by all pools and
damaged by anybody; it is never wrong, only absent.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

from ..limits import limits
from ..storage.cache import cache_folder


def kept_image(digest: bytes) -> bytes | None:
    """Return the image with this SHA-256 (32 bytes), None if it is not kept."""
    path = _path(digest)
    try:
        if path.stat().st_size > limits().image:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).digest() == digest else None


def keep_image(digest: bytes, data: bytes) -> None:
    """Keep an image, which has been compared with its SHA-256.

    Raises:
        OSError: if it cannot be written.
    """
    path = _path(digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not flushed, as results are: what a crash damages is fetched again.
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def can_keep() -> bool:
    """Whether images can be kept here."""
    with suppress(OSError):
        folder = cache_folder("images")
        folder.mkdir(parents=True, exist_ok=True)
        return os.access(folder, os.W_OK)
    return False


def _path(digest: bytes) -> Path:
    name = digest.hex()
    return cache_folder("images") / name[:2] / name
