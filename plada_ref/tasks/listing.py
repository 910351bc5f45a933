"""List the images of a task in class folders, and what is left out of each folder and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import PipelineError
from ..images import TASK_SUFFIXES
from ..pool.keys import reason_to_skip
from ..pool.tar import locate
from ..storage.location import filesystem


class Location(NamedTuple):
    """The bytes of an image: a whole file, or a range of bytes in one.

    Attributes:
        url: path or URL of the file.
        offset: first byte of the range, None for the whole file.
        size: bytes in the range; not used without an offset.
    """

    url: str
    offset: int | None = None
    size: int = 0


@dataclass
class Listing:
    """Images below one folder, or in shards.

    Attributes:
        images: key and place of each image; the first part of the key is its class folder.
        left_out: how many files are left out, by class folder (``""`` for none) and by reason.
            Every class folder is in it, the empty ones as well.
        warnings: sentences about shards that are odd but not damaged.
    """

    images: list[tuple[str, Location]] = field(default_factory=list)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def leave_out(self, key: str, reason: str) -> None:
        """Count a file or folder that is left out."""
        self.folder_of(key)[reason] += 1

    def folder_of(self, key: str) -> Counter[str]:
        """Return the counts of the class folder that `key` lies in."""
        top, slash, _ = key.partition("/")
        return self.left_out.setdefault(top if slash else "", Counter())

    def skipped(self) -> dict[str, int]:
        """Return how many files are left out, by reason, the most frequent first."""
        return dict(sum(self.left_out.values(), Counter()).most_common())

    def below(self, folder: str) -> Listing:
        """Return what lies in one of the folders, as a listing of its own."""
        prefix = f"{folder}/"
        part = Listing()
        part.images = [
            (key.removeprefix(prefix), place)
            for key, place in self.images
            if key.startswith(prefix)
        ]
        part.left_out = {"": Counter(self.left_out.get(folder, Counter()))}
        part.warnings = self.warnings
        return part

    def empty_folders(self) -> list[str]:
        """Return the names of the class folders without an image, sorted."""
        full = {key.partition("/")[0] for key, _ in self.images}
        return sorted(set(self.left_out) - full - {""})


def counted(reasons: Counter[str] | dict[str, int]) -> str:
    """Return what was left out in words: ``3 not-an-image, 1 hidden``."""
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())


def list_shards(urls: Iterable[str]) -> Listing:
    """List the members of tar shards.

    Raises:
        PipelineError: if a shard is damaged.
    """
    listing = Listing()

    def judge(name: str, kind: str) -> str | None:
        key = "/".join(part for part in name.split("/") if part not in ("", "."))
        if kind == "folder":
            if key and not is_hidden(key.partition("/")[0]):
                listing.folder_of(f"{key}/")
            return "folder"
        hidden = is_hidden(key.partition("/")[0])
        reason = reason_to_skip(name, TASK_SUFFIXES) if kind == "file" else "not-a-file"
        if hidden and reason is None:
            reason = "hidden"
        if reason is not None:
            listing.leave_out("" if hidden else key, reason)
        return reason

    for url in urls:
        for member in locate(url, judge, listing.warnings):
            place = Location(url, member.offset, member.size)
            listing.images.append((member.key, place))
    return listing


def list_folder(url: str, *, of_classes: bool = True) -> Listing:
    """List the files below a folder; links are followed, as torchvision's ImageFolder does.

    Args:
        of_classes: the folders in it are classes, none of which may be lost.

    Raises:
        PipelineError: if a folder cannot be listed, or a link in the place of a class folder
            leads nowhere.
    """
    listing = Listing()
    fs, base = filesystem(url)
    waiting = [_Folder(base, "", ())]
    while waiting:
        folder = waiting.pop()
        identity = _identity(fs, folder.path)
        if identity is not None and identity in folder.above:
            listing.leave_out(folder.key, "linked-in-a-circle")
            continue
        above = folder.above if identity is None else (*folder.above, identity)
        below = []
        for name, path, kind in list_entries(fs, folder.path):
            key = f"{folder.key}{name}"
            if kind == "folder":
                if is_hidden(name):
                    listing.leave_out(key, "hidden")
                else:
                    listing.folder_of(f"{key}/")
                    below.append(_Folder(path, f"{key}/", above))
                continue
            reason = reason_to_skip(key, TASK_SUFFIXES)
            lost = kind == "broken-link" and not folder.key and reason == "not-an-image"
            if lost and of_classes:
                raise PipelineError(
                    f"The link {path!r} leads nowhere, and may have been a class folder; restore "
                    "what it leads to, or remove it."
                )
            if reason is None and kind != "file":
                reason = kind
            if reason is None:
                listing.images.append((key, Location(url_of(url, path))))
            else:
                listing.leave_out(key, reason)
        waiting.extend(reversed(below))
    return listing


class _Folder(NamedTuple):
    path: str
    key: str
    above: tuple[tuple[int, int], ...]


def list_entries(fs: Any, folder: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, path and kind of what lies in a folder, by name.

    The kind is ``file``, ``folder``, ``broken-link`` or ``not-a-file``; links are what they lead
    to.

    Raises:
        PipelineError: if the folder cannot be listed.
    """
    try:
        listed = fs.ls(folder, detail=True)
    except OSError as exc:
        raise PipelineError(
            f"The folder {folder!r} cannot be listed ({exc.strerror or exc}); allow reading it, or "
            "remove it."
        ) from exc
    for info in sorted(listed, key=lambda info: str(info["name"])):
        path = str(info["name"]).rstrip("/")
        if path == folder.rstrip("/"):
            continue  # Object stores list a placeholder for the folder itself.
        kind = {"file": "file", "directory": "folder"}.get(info["type"])
        if kind is None or info.get("islink"):
            kind = "folder" if fs.isdir(path) else "file" if fs.isfile(path) else "not-a-file"
            if kind == "not-a-file" and info.get("islink") and not fs.exists(path):
                kind = "broken-link"
        yield path.rsplit("/", 1)[-1], path, kind


def is_hidden(name: str) -> bool:
    """Whether a folder is not meant to be seen, such as ``.git``, or macOS's in a zip file."""
    return name.startswith(".") or name == "__MACOSX"


def _identity(fs: Any, path: str) -> tuple[int, int] | None:
    """Return what tells a folder on this machine from others, whatever links lead to it."""
    if "file" not in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)):
        return None
    found = os.stat(path)
    return found.st_dev, found.st_ino


def url_of(root: str, path: str) -> str:
    """Return the URL of a path in the file system of the URL or path `root`."""
    protocol, slashes, rest = root.partition("://")
    if not slashes or path.startswith(f"{protocol}://"):
        return path
    _, chain, behind = rest.partition("::")
    return f"{protocol}://{path.lstrip('/') if chain else path}{chain}{behind}"
