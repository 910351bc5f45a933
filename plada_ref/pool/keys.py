"""Keys: the name of an image in a source, the same in a folder and in a shard."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Set

from ..images import IMAGE_SUFFIXES, UNREAD_SUFFIXES

_SYNSET = r"n\d{8}"  # A WordNet identifier, the name of an ImageNet class.
_SYNSET_TAR = re.compile(rf"{_SYNSET}\.tar")
_SYNSET_IMAGE = re.compile(rf"({_SYNSET})_(\d+)(?:_\1)?(\.\w+)")

_CONTROL = re.compile("[\x00-\x1f\x7f]")

KEY_RULES = "keys-2"
"""Changes whenever the keys of stored names change, so that older caches are not used."""


def clean_key(name: str) -> str | None:
    """Return the key for a stored name, or None when the name must not become one.

    ``./a//b.jpg`` becomes ``a/b.jpg``. Absolute names, ``..``, control characters and names that
    are not UTF-8 have no key: a key is joined to a folder's path and printed on terminals.
    """
    if name.startswith("/") or _CONTROL.search(name):
        return None
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # Undecodable bytes come as lone surrogates.
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        return None
    return "/".join(parts)


def shard_key(name: str) -> str | None:
    """Return the key of a member or row of a shard that is stored as `name`; see `clean_key`.

    ImageNet's archives lack the class folders that its extracted images lie in, and its Parquet
    shards name the class twice. ``n01440764_10026.JPEG`` and ``n01440764_10026_n01440764.JPEG``
    become ``n01440764/n01440764_10026.JPEG``, so that the image has one key, and the pool one order
    and one id, however it is stored.
    """
    key = clean_key(name)
    found = None if key is None else _SYNSET_IMAGE.fullmatch(key)
    if found is None:
        return key
    synset, number, suffix = found.groups()
    return f"{synset}/{synset}_{number}{suffix}"


def is_synset_tar(name: str) -> bool:
    """Whether a member of a shard is itself a shard: one class of ImageNet, ``n01440764.tar``."""
    return _SYNSET_TAR.fullmatch(posixpath.basename(name)) is not None


def reason_to_skip(name: str, suffixes: Set[str] = IMAGE_SUFFIXES) -> str | None:
    """Return why a stored file is not an image of the pool, or None if it is one.

    ``unread-format`` is an image of another format, or one whose name ends in another way. Hidden
    names are skipped since ``._photo.jpg`` (a macOS resource fork) is not a photograph.
    """
    suffix = posixpath.splitext(name)[1].lower()
    if suffix not in suffixes:
        return "unread-format" if suffix in UNREAD_SUFFIXES else "not-an-image"
    key = clean_key(name)
    if key is None:
        return "unsafe-name"
    if any(part.startswith(".") for part in key.split("/")):
        return "hidden"
    return None
