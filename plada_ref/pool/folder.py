"""Read an image folder: every image file below it, with its relative path as key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from ..errors import PipelineError
from .keys import clean_key, reason_to_skip
from .location import filesystem, fingerprint
from .shard import Entry, Shard

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
        if key not in self:
            raise KeyError(key)
        fs, base = filesystem(self.url)
        data: bytes = fs.cat_file(_join(base, key))
        return data

    def __contains__(self, key: object) -> bool:
        # A manifest from a stranger may hold keys that lead out of the folder.
        if not isinstance(key, str) or clean_key(key) != key or reason_to_skip(key):
            return False
        fs, base = filesystem(self.url)
        return bool(fs.isfile(_join(base, key)))

    def _shard(self, number: int, files: list[File], skipped: Counter[str]) -> Shard:
        return Shard(
            name=f"{self.url} (files from {number * SHARD_FILES})",
            fingerprint=fingerprint(sorted(skipped.items()), *files),
            size=sum(file.size for file in files),
            entries=partial(_entries, self.url, [file.key for file in files]),
            skipped=skipped,
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
                if info["type"] == "directory":
                    if name.rsplit("/", 1)[-1].startswith("."):
                        yield "hidden"
                    else:
                        below.append(path)
                    continue
                reason = reason_to_skip(name)
                if info["type"] != "file" and not fs.isfile(path):
                    reason = "linked-folder" if fs.isdir(path) else "not-a-file"
                state = fingerprint(sorted(info.items(), key=str))
                yield reason or File(name, int(info["size"] or 0), state)
            waiting.extend(reversed(below))


def _entries(url: str, keys: list[str], _: Counter[str]) -> Iterator[Entry]:
    fs, base = filesystem(url)
    for key in keys:
        yield key, fs.cat_file(_join(base, key))


def _list(fs: Any, folder: str) -> list[dict[str, Any]]:
    try:
        listing: list[dict[str, Any]] = fs.ls(folder, detail=True)
    except PermissionError as exc:
        raise PipelineError(f"The folder {folder!r} may not be listed; allow reading it.") from exc
    return listing


def _join(base: str, key: str) -> str:
    return f"{base.rstrip('/')}/{key}" if base else key
