"""Read an image folder: every image file below it, with its relative path as key.

Links are not part of a pool (section 12.3 of the specification): a link that a stranger put into a
folder would publish the digest and size of a file that lies elsewhere. The folder itself may be a
link, since whoever named it meant it.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa

from ..errors import PipelineError
from ..limits import check_image
from ..storage.location import filesystem, fingerprint, is_local, state_of
from .keys import clean_key, reason_to_skip
from .shard import Entry, Remarks, Shard

SHARD_FILES = 10_000
"""Files in a shard: the most that an interrupted `plada pool index` has to read again."""


@dataclass(frozen=True, slots=True)
class File:
    """An image file.

    Attributes:
        key: its path relative to the folder.
        size: in bytes.
        state: changes when the file does.
    """

    key: str
    size: int
    state: str


class Folder:
    """Images in the files below the directory at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def urls(self) -> tuple[str]:
        """The folder."""
        return (self.url,)

    def place(self, key: str) -> tuple[int, int]:
        """Return the same for all: files are read in any order."""
        return 0, 0

    def shards(self) -> Iterator[Shard]:
        """Yield stretches of `SHARD_FILES` image files, in the order of the walk."""
        skipped: Counter[str] = Counter()
        files: list[File] = []
        number = 0
        for found in self._walk():
            if isinstance(found, str):
                skipped[found] += 1
                continue
            files.append(found)
            if len(files) == SHARD_FILES:
                yield self._shard(number, files, skipped)
                number, files, skipped = number + 1, [], Counter()
        yield self._shard(number, files, skipped)

    def prepare(self) -> None:
        """Do nothing: a key is a path."""

    def only(self, keys: pa.LargeStringArray) -> Folder:
        """Return the folder itself."""
        return self

    def read(self, key: str) -> bytes:
        """Read one file."""
        size = self._size(key)
        if size is None:
            raise KeyError(key)
        check_image(key, size, self.url)
        return _read(self.url, key)

    def where(self, key: str) -> str:
        """Return the folder."""
        return self.url

    def __contains__(self, key: object) -> bool:
        return self._size(key) is not None

    def _size(self, key: object) -> int | None:
        """Return the size of an image in bytes, 0 if a server does not say it, or None."""
        # A manifest from a stranger may hold keys that lead out of the folder.
        if not isinstance(key, str) or clean_key(key) != key or reason_to_skip(key):
            return None
        fs, base = filesystem(self.url)
        path = _path(fs, base, key)
        try:
            if is_local(self.url):
                return _size_without_links(base, key)
            info = fs.info(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if info["type"] != "file" or _is_link(info) else int(info["size"] or 0)

    def _shard(self, number: int, files: list[File], skipped: Counter[str]) -> Shard:
        return Shard(
            name=f"{self.url} (files from {number * SHARD_FILES})",
            fingerprint=fingerprint(sorted(skipped.items()), *files),
            size=sum(file.size for file in files),
            entries=partial(_entries, self.url, [file.key for file in files]),
            remarks=Remarks(skipped),
        )

    def _walk(self) -> Iterator[File | str]:
        """Yield image files, and for others the reason to skip; follow no directory links."""
        fs, base = filesystem(self.url)
        # Not fs.walk: it leaves out folders that it may not list, and images with them.
        waiting = [base]
        while waiting:
            folder = waiting.pop()
            below = []
            for info in sorted(_list(fs, folder), key=lambda info: str(info["name"])):
                path = str(info["name"]).rstrip("/")
                if path == folder.rstrip("/"):
                    continue  # Object stores list a placeholder for the folder itself.
                name = path[len(base) :].lstrip("/") if path.startswith(base) else path
                if _is_link(info):
                    yield "linked-folder" if fs.isdir(path) else "link"
                    continue
                if info["type"] == "directory":
                    if name.rsplit("/", 1)[-1].startswith("."):
                        yield "hidden"
                    else:
                        below.append(path)
                    continue
                name = _decoded(fs, name)
                reason = reason_to_skip(name)
                if info["type"] != "file":
                    reason = "not-a-file"
                size = int(info["size"] or 0)
                if reason is None:
                    check_image(name, size, self.url)
                yield reason or File(name, size, fingerprint(state_of(info)))
            waiting.extend(reversed(below))


def _entries(url: str, keys: list[str], _: Remarks) -> Iterator[Entry]:
    for key in keys:
        yield key, _read(url, key)


def _read(url: str, key: str) -> bytes:
    fs, base = filesystem(url)
    path = _path(fs, base, key)
    if is_local(url):
        with open(path, "rb", buffering=0) as file:
            return file.read()
    if _is_web(fs):  # Their listings have no sizes.
        check_image(key, int(fs.info(path).get("size") or 0), url)
    data: bytes = fs.cat_file(path)
    return data


def _size_without_links(base: str, key: str) -> int | None:
    """Return the size of a local file; None if it is a link, lies behind one, or is no file."""
    path = base
    for part in key.split("/"):
        path = f"{path}/{part}"
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _is_link(info: dict[str, Any]) -> bool:
    """Whether a listed file is a link, also in a zip file."""
    attributes = info.get("external_attr")
    if isinstance(attributes, int) and stat.S_ISLNK(attributes >> 16):
        return True
    return bool(info.get("islink")) or info["type"] == "link"


def _list(fs: Any, folder: str) -> list[dict[str, Any]]:
    try:
        listing: list[dict[str, Any]] = fs.ls(folder, detail=True)
    except PermissionError as exc:
        raise PipelineError(f"The folder {folder!r} may not be listed; allow reading it.") from exc
    return listing


def _path(fs: Any, base: str, key: str) -> str:
    """Return the path of the image `key`."""
    name = quote(key) if _is_web(fs) else key
    return f"{base.rstrip('/')}/{name}" if base else name


def _decoded(fs: Any, name: str) -> str:
    """Return the name of a listed file; web servers list them as parts of URLs."""
    return unquote(name, errors="surrogateescape") if _is_web(fs) else name


def _is_web(fs: Any) -> bool:
    return "http" in fs.protocol
