"""``plada-index.json``: what a publisher offers, with sizes and digests. docs/publishing.md has it.

It comes from a stranger's server, so everything in it is checked when it is read: names and
versions are safe as names of folders, paths stay below the index, digests are digests. What it
claims about a payload or a pool is compared with these files when they are fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pladafmt import json_text

from ..errors import PipelineError
from .names import Version, check_name

INDEX = "plada-index.json"
LAYOUT = 1
MOST_INDEX = 16 << 20
"""Bytes of an index: a hundred thousand versions of tasks take less."""

_DEPTH = 8
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST_TEXT = 10_000
_MOST_PATH = 1_000
_MOST_NUMBER = 1 << 53
T = TypeVar("T")


@dataclass(frozen=True)
class StoredFile:
    """A file of the publisher.

    Attributes:
        path: below the folder of the index, with slashes.
        bytes: its size.
        sha256: its digest, in hex.
    """

    path: str
    bytes: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """As in the index."""
        return {"path": self.path, "bytes": self.bytes, "sha256": self.sha256}


Files = Mapping[str, StoredFile]
"""Files by what they are for: ``manifest``, ``payload`` and so on."""


@dataclass(frozen=True)
class PublishedPool:
    """A pool that is offered.

    Attributes:
        id: the pool id, in hex.
        size: number of images.
        name: for people; "" if it has none.
        licence: of the list itself, or of the images; "" if nothing is said.
        obtain: how the images are obtained, for people; "" if nothing is said.
        files: ``manifest``, and ``sources``, ``offsets``, ``codes``, ``projection``, ``order`` and
            ``card`` where there are such.
    """

    id: str
    size: int
    name: str
    licence: str
    obtain: str
    files: Files

    def to_json(self) -> dict[str, Any]:
        """As in the index."""
        texts = {"name": self.name, "licence": self.licence, "obtain": self.obtain}
        return (
            {"id": self.id, "size": self.size}
            | {key: text for key, text in texts.items() if text}
            | {"files": {role: file.to_json() for role, file in sorted(self.files.items())}}
        )


@dataclass(frozen=True)
class PublishedTask:
    """A version of a task that is offered.

    Attributes:
        name, version: which task it is.
        supersedes, date, licence: what its metadata says; "" if nothing.
        pool: id of the pool that serves it, in hex: the pool offered beside it, if one is.
        classes, kept: numbers of classes and of kept images.
        content_id: what it means, in hex.
        signed_by: id of the key that it is signed with, "" if it is not signed.
        files: ``payload``, and ``about`` and ``card``.
    """

    name: str
    version: Version
    supersedes: str
    date: str
    licence: str
    pool: str
    classes: int
    kept: int
    content_id: str
    signed_by: str
    files: Files

    def to_json(self) -> dict[str, Any]:
        """As in the index."""
        texts = {
            "supersedes": self.supersedes,
            "date": self.date,
            "licence": self.licence,
            "signed_by": self.signed_by,
        }
        return (
            {"name": self.name, "version": self.version.text}
            | {key: text for key, text in texts.items() if text}
            | {
                "pool": self.pool,
                "classes": self.classes,
                "kept": self.kept,
                "content_id": self.content_id,
                "files": {role: file.to_json() for role, file in sorted(self.files.items())},
            }
        )


@dataclass(frozen=True)
class Index:
    """What is offered.

    Attributes:
        pools: by id, none twice.
        tasks: by name and version, none twice.
    """

    pools: tuple[PublishedPool, ...] = ()
    tasks: tuple[PublishedTask, ...] = ()

    def pool(self, id: str) -> PublishedPool | None:
        """The pool with this id, None if it is not offered."""
        return next((pool for pool in self.pools if pool.id == id), None)

    def versions(self, name: str) -> list[PublishedTask]:
        """The versions of a task, the newest last."""
        return sorted(
            (task for task in self.tasks if task.name == name), key=lambda task: task.version
        )

    @property
    def names(self) -> list[str]:
        """The names of all tasks, sorted."""
        return sorted({task.name for task in self.tasks})

    def with_pool(self, pool: PublishedPool) -> Index:
        """The same with a pool, in place of one with the same id."""
        others = [each for each in self.pools if each.id != pool.id]
        return replace(self, pools=tuple(sorted([*others, pool], key=lambda each: each.id)))

    def with_task(self, task: PublishedTask) -> Index:
        """The same with a version of a task, in place of the same version."""
        others = [
            each for each in self.tasks if (each.name, each.version) != (task.name, task.version)
        ]
        every = sorted([*others, task], key=lambda each: (each.name, each.version))
        return replace(self, tasks=tuple(every))

    def to_bytes(self) -> bytes:
        """The file; the same index gives the same bytes."""
        value = {
            "layout": LAYOUT,
            "pools": [pool.to_json() for pool in self.pools],
            "tasks": [task.to_json() for task in self.tasks],
        }
        return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Index:
        """Read an index that somebody else has written.

        Args:
            where: it comes from, for messages.

        Raises:
            PipelineError: if it is none, is damaged, or names what it may not.
        """
        try:
            return _index(json_text.parse(data, depth=_DEPTH))
        except (ValueError, RecursionError) as exc:
            raise PipelineError(
                f"{where!r} is no index of published tasks that can be used ({exc}); nothing was "
                "fetched. Tell the publisher."
            ) from exc


def _index(stored: Any) -> Index:
    if not isinstance(stored, dict) or stored.get("layout") != LAYOUT:
        raise ValueError(f"it is not of layout {LAYOUT}")
    pools = tuple(map(_pool, _list(stored, "pools")))
    tasks = tuple(map(_task, _list(stored, "tasks")))
    if len({pool.id for pool in pools}) != len(pools):
        raise ValueError("it has a pool twice")
    if len({(task.name, task.version) for task in tasks}) != len(tasks):
        raise ValueError("it has a version of a task twice")
    return Index(pools, tasks)


def _pool(stored: Any) -> PublishedPool:
    about = _object(stored, "a pool")
    return PublishedPool(
        _digest(about.get("id"), "the id of a pool"),
        _number(about.get("size"), "the size of a pool"),
        _text(about, "name"),
        _text(about, "licence"),
        _text(about, "obtain"),
        _files(about, "manifest"),
    )


def _task(stored: Any) -> PublishedTask:
    about = _object(stored, "a task")
    signed_by = _text(about, "signed_by")
    if not re.fullmatch(r"([0-9a-f]{16})?", signed_by, re.ASCII):
        raise ValueError("the id of a key is none")
    return PublishedTask(
        check_name(about.get("name")),
        Version.of(about.get("version")),
        _text(about, "supersedes"),
        _text(about, "date"),
        _text(about, "licence"),
        _digest(about.get("pool"), "the pool of a task"),
        _number(about.get("classes"), "the number of classes"),
        _number(about.get("kept"), "the number of images"),
        _digest(about.get("content_id"), "a content id"),
        signed_by,
        _files(about, "payload"),
    )


def _files(about: Mapping[str, Any], needed: str) -> Files:
    stored = _object(about.get("files"), "a list of files")
    found = {}
    for role, file in stored.items():
        told = _object(file, "a file")
        found[role] = StoredFile(
            _path(told.get("path")),
            _number(told.get("bytes"), "the size of a file"),
            _digest(told.get("sha256"), "the SHA-256 of a file"),
        )
    if needed not in found:
        raise ValueError(f"a {needed} is missing")
    return found


def _path(stored: Any) -> str:
    """Check a path: relative, with slashes, and below the folder of the index."""
    if not isinstance(stored, str) or not 0 < len(stored) <= _MOST_PATH:
        raise ValueError("the path of a file is no path")
    parts = stored.split("/")
    odd = any(mark in stored for mark in "\\:?#%*[]~") or not stored.isprintable()
    if odd or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"the path {stored!r} does not lead to a file below the index")
    return stored


def _list(stored: Mapping[str, Any], key: str) -> list[Any]:
    found = stored.get(key, [])
    if not isinstance(found, list):
        raise ValueError(f"its {key} are no list")
    return found


def _object(stored: Any, what: str) -> dict[str, Any]:
    if not isinstance(stored, dict):
        raise ValueError(f"{what} is no object")
    return stored


def _checked(test: Callable[[Any], bool], stored: Any, what: str) -> Any:
    if not test(stored):
        raise ValueError(f"{what} is none")
    return stored


def _digest(stored: Any, what: str) -> str:
    found: str = _checked(lambda it: isinstance(it, str) and bool(_HEX.fullmatch(it)), stored, what)
    return found


def _number(stored: Any, what: str) -> int:
    found: int = _checked(lambda it: type(it) is int and 0 <= it < _MOST_NUMBER, stored, what)
    return found


def _text(about: Mapping[str, Any], key: str) -> str:
    found = about.get(key, "")
    if not isinstance(found, str) or len(found) > _MOST_TEXT:
        raise ValueError(f"a {key} is no short text")
    return found
