"""The layout of a publisher's folder, which is also that of what a client has fetched.

::

    plada-index.json                        the publisher's only
    pools/0123456789abcdef/pool.parquet     and what lies beside a manifest, README.md
    tasks/digits/2/task.plada               README.md, about.json

A pool's folder is called by the first 16 digits of its id, a task's by its name and version.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from pladafmt.files import read_at_most, write_whole

from ..errors import PipelineError
from .index import INDEX, MOST_INDEX, Index, StoredFile
from .names import Version, check_name

POOL_FILES = {
    "manifest": "pool.parquet",
    "sources": "pool.sources.json",
    "offsets": "pool.offsets.npy",
    "codes": "pool.codes.npy",
    "projection": "pool.projection.safetensors",
    "order": "pool.order.plada",
    "card": "README.md",
}
"""Names of a pool's files, by what they are for."""

TASK_FILES = {"payload": "task.plada", "about": "about.json", "card": "README.md"}
"""Names of a task's files."""


def pool_folder(root: Path, id: str) -> Path:
    """Return the folder of the pool with this id."""
    return root / "pools" / id[:16]


def task_folder(root: Path, name: str, version: Version) -> Path:
    """Return the folder of a version of a task."""
    return root / "tasks" / check_name(name) / version.text


def versions_here(root: Path, name: str) -> list[Version]:
    """Return the versions of a task that a folder has, the newest last."""
    found = []
    folder = root / "tasks" / check_name(name)
    for each in folder.iterdir() if folder.is_dir() else ():
        with suppress(ValueError):  # What else lies there is nobody's business.
            version = Version.of(each.name)
            if (each / TASK_FILES["payload"]).is_file():
                found.append(version)
    return sorted(found)


def tasks_here(root: Path) -> list[str]:
    """Return the names of the tasks that a folder has, sorted."""
    found = []
    folder = root / "tasks"
    for each in folder.iterdir() if folder.is_dir() else ():
        with suppress(ValueError):
            if versions_here(root, check_name(each.name)):
                found.append(each.name)
    return sorted(found)


def read_index(root: Path) -> Index:
    """Return the index of a publisher's folder; an empty one if there is none yet.

    Raises:
        PipelineError: if what is there is no index.
    """
    path = root / INDEX
    try:
        return Index.from_bytes(read_at_most(path, MOST_INDEX), str(path))
    except FileNotFoundError:
        return Index()


def write_index(root: Path, index: Index) -> None:
    """Write the index, unless it is the same: what it names is published from then on."""
    put(root, INDEX, index.to_bytes())


def put(root: Path, path: str, data: bytes) -> StoredFile:
    """Write a file of the folder, whole or not at all, unless the same bytes are there.

    Args:
        path: below `root`, with slashes.
    """
    file = root / path
    digest = hashlib.sha256(data).hexdigest()
    if sha256_of(file) != digest:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, data)
    return StoredFile(path, len(data), digest)


def put_copy(root: Path, path: str, source: Path) -> StoredFile:
    """Copy a file into the folder, whole or not at all, unless the same bytes are there."""
    import shutil

    from pladafmt.files import replacing

    file = root / path
    digest = sha256_of(source)
    if digest is None:
        raise PipelineError(f"{str(source)!r} cannot be read.")
    if sha256_of(file) != digest:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as part:
            shutil.copyfile(source, part)
            if sha256_of(part) != digest:
                raise PipelineError(
                    f"{str(source)!r} was changed while it was copied; run the same command again."
                )
    return StoredFile(path, file.stat().st_size, digest)


def sha256_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, in hex; None if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
