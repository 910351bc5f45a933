"""Get a task that somebody publishes, check it in every way that can be checked, and keep it.

A version of a task appears in its folder when all of it is there and has been checked, or not at
all. A pool's files appear one by one, each checked.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pladafmt import Codes, Mismatch, Payload
from pladafmt.files import read_at_most, write_whole

from ..compute.progress import Progress
from ..errors import Misuse, PipelineError
from ..pool import ManifestFile
from ..pool.codes import PoolCodes, codes_beside
from ..pool.sources_file import places_in, sources_bytes
from .folder import POOL_FILES, TASK_FILES, pool_folder, sha256_of, task_folder, versions_here
from .index import PublishedPool, PublishedTask
from .names import Version
from .publish import named
from .site import Site

MOST_PAYLOAD = 1 << 30
_MOST_SOURCES = 1 << 20
_CODES = "codes-mismatch"

Open = Callable[[bytes, Codes | None], Payload]
"""Reads a payload's bytes, with codes or without, and checks its signature if one is required."""


@dataclass(frozen=True)
class FetchedTask:
    """A version of a task that is here now.

    Attributes:
        task: as the index describes it.
        payload: its file.
        manifest: that of its pool, None if it is not here.
        new: whether it was fetched now.
    """

    task: PublishedTask
    payload: Path
    manifest: Path | None
    new: bool


def choose(site: Site, root: Path, name: str, version: Version | None) -> PublishedTask:
    """Return the version of a task to fetch: the newest, or the one that is asked for.

    Raises:
        Misuse: if there is no such task or version.
        PipelineError: if a newer version is here already than the newest that is offered.
    """
    offered = site.index.versions(name)
    if not offered:
        there = ", ".join(site.index.names[:8]) or "none"
        raise Misuse(f"{site.place!r} offers no task {name!r}; there are: {there}.")
    if version is not None:
        found = next((each for each in offered if each.version == version), None)
        if found is None:
            there = ", ".join(each.version.text for each in offered)
            raise Misuse(f"{name!r} is offered in the versions {there}, and not in {version}.")
        return found
    newest, here = offered[-1], versions_here(root, name)
    if here and newest.version < here[-1]:
        raise PipelineError(
            f"{site.place!r} offers version {newest.version} of {name!r}, and version {here[-1]} "
            "is here already: the host is out of date, or holds the newer one back. Nothing was "
            f"changed; {name}@{newest.version} insists on the older one."
        )
    return newest


def fetch_task(
    site: Site,
    task: PublishedTask,
    root: Path,
    read: Open,
    *,
    manifest: Path | None = None,
    progress: Progress,
) -> FetchedTask:
    """Have a version of a task, and its pool's manifest, in a folder, all of it checked.

    Args:
        root: the folder; see `plada_ref.publishing.folder` for where files lie in it.
        read: reads the payload.
        manifest: that of the pool, if it is on this computer; then no pool is fetched.

    Raises:
        PladaError: if the payload is refused; `Mismatch` if it is for another pool or other codes.
        PipelineError: if a file cannot be fetched, or is not what the index says.
    """
    pool = None if manifest is not None else site.index.pool(task.pool)
    if pool is not None:
        manifest = fetch_pool(site, pool, root, progress=progress)
    folder = task_folder(root, task.name, task.version)
    there = folder / TASK_FILES["payload"]
    if sha256_of(there) == task.files["payload"].sha256:
        _check(site, task, there, read, manifest, pool, progress)
        return FetchedTask(task, there, manifest, False)
    if there.exists():
        raise PipelineError(
            f"Version {task.version} of {task.name!r} is here already, at {str(folder)!r}, with "
            "other bytes than are offered now: a publisher gives changed files a new version. "
            "Nothing was changed; ask them, or remove that folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{task.version}.", suffix=".part", dir=folder.parent))
    try:
        for role, name in TASK_FILES.items():
            if role in task.files:
                site.bring(task.files[role], part / name, progress)
        _check(site, task, part / TASK_FILES["payload"], read, manifest, pool, progress)
        _settle(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()  # Only if it is empty.
    return FetchedTask(task, there, manifest, True)


def fetch_pool(site: Site, pool: PublishedPool, root: Path, *, progress: Progress) -> Path:
    """Have a pool's manifest in a folder, and what says where its images are; returns its path.

    Raises:
        PipelineError: if a file cannot be fetched, or the manifest is another pool's.
    """
    folder = pool_folder(root, pool.id)
    manifest = folder / POOL_FILES["manifest"]
    if sha256_of(manifest) != pool.files["manifest"].sha256:
        folder.mkdir(parents=True, exist_ok=True)
        with _Aside(manifest) as part:
            site.bring(pool.files["manifest"], part, progress)
            _check_pool(part, pool, site)
            os.replace(part, manifest)
    for role in ("offsets", "card"):
        if role in pool.files and sha256_of(folder / POOL_FILES[role]) != pool.files[role].sha256:
            site.bring(pool.files[role], folder / POOL_FILES[role], progress)
    if "sources" in pool.files:
        with tempfile.TemporaryDirectory() as aside:
            stored = Path(aside) / POOL_FILES["sources"]
            site.bring(pool.files["sources"], stored, progress)
            # Paths that lead from there are addresses here.
            places = places_in(
                read_at_most(stored, _MOST_SOURCES), site.where(pool.files["sources"])
            )
        data, file = sources_bytes(places), folder / POOL_FILES["sources"]
        if not file.exists() or file.read_bytes() != data:
            write_whole(file, data)
    return manifest


def _settle(part: Path, folder: Path) -> None:
    """Give a folder that is complete its name, or its files theirs where one is there already."""
    umask = os.umask(0)
    os.umask(umask)
    part.chmod(0o777 & ~umask)
    try:
        os.rename(part, folder)
    except OSError:  # What else the user keeps there stays.
        for file in sorted(part.iterdir(), key=lambda each: each.name == TASK_FILES["payload"]):
            os.replace(file, folder / file.name)


class _Aside:
    """A place for a file that is to be looked at before it gets its name."""

    def __init__(self, file: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=file.parent)
        self._name = file.name

    def __enter__(self) -> Path:
        return Path(self._folder.name) / self._name

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _check_pool(manifest: Path, pool: PublishedPool, site: Site) -> None:
    """Check that a manifest is the pool's: its id follows from the digests that it lists."""
    listed = ManifestFile(manifest)
    found = listed.prefix_id(len(listed)).hex()
    if (found, len(listed)) != (pool.id, pool.size):
        raise PipelineError(
            f"The manifest at {site.where(pool.files['manifest'])!r} is of the pool {found} with "
            f"{len(listed):,} images, and the index says {pool.id} with {pool.size:,}; nothing of "
            "it is used. Tell the publisher."
        )


def _check(
    site: Site,
    task: PublishedTask,
    file: Path,
    read: Open,
    manifest: Path | None,
    pool: PublishedPool | None,
    progress: Progress,
) -> None:
    """Read a payload, with the codes that it asks for, and compare it with the index."""
    data = read_at_most(file, MOST_PAYLOAD)
    try:
        payload = read(data, None)
    except Mismatch as exc:
        if exc.code != _CODES or manifest is None:
            raise
        found = _with_codes(site, manifest, data, read, pool, progress)
        if found is None:
            raise
        payload = found
    name, version = named(payload)
    if (name, version) != (task.name, task.version):
        raise PipelineError(
            f"The index offers {task.name!r} {task.version}, and the file there says that it is "
            f"{name!r} {version}; nothing of it is used. Tell the publisher."
        )
    if manifest is not None:
        ManifestFile(manifest).serve(payload.pool)


def _with_codes(
    site: Site,
    manifest: Path,
    data: bytes,
    read: Open,
    pool: PublishedPool | None,
    progress: Progress,
) -> Payload | None:
    """Read a payload with the codes of its pool, which are fetched; None if there are none.

    Codes that are not those which the payload was made with are not kept.
    """
    codes = codes_beside(manifest)
    offered = None if pool is None else pool.files.get("codes")
    if offered is None or sha256_of(codes) == offered.sha256:
        return read(data, PoolCodes(codes)) if codes.exists() else None
    with _Aside(codes) as part:
        site.bring(offered, part, progress)
        payload = read(data, PoolCodes(part))
        os.replace(part, codes)
    return payload
