"""Keys: how an image is called inside a source, the same in a folder and in a tar shard."""

from __future__ import annotations

import posixpath

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""File name endings that make a file an image (compared in lower case)."""


def clean_key(name: str) -> str | None:
    """The key for a stored name, or None when the name must not become one.

    ``./a//b.jpg`` becomes ``a/b.jpg``. Absolute names, ``..``, control characters and names that
    are not UTF-8 have no key: a key is joined to a folder's path and printed on terminals.
    """
    if name.startswith("/") or any(char < " " or char == "\x7f" for char in name):
        return None
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # Undecodable bytes come as lone surrogates.
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        return None
    return "/".join(parts)


def reason_to_skip(name: str) -> str | None:
    """Why a stored file is no image of the pool, or None when it is one.

    Hidden names are skipped since ``._photo.jpg`` (a macOS resource fork) is no photograph.
    """
    if posixpath.splitext(name)[1].lower() not in IMAGE_SUFFIXES:
        return "not-an-image"
    key = clean_key(name)
    if key is None:
        return "unsafe-name"
    if any(part.startswith(".") for part in key.split("/")):
        return "hidden"
    return None
