"""Lay out what a publisher puts online: pools once, tasks often.

Files come first and the index last: what is new is offered when all of it is there. What is there
with the same bytes is not written again, and nothing is removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pladafmt import Mismatch, Payload, content_id

from ..errors import Misuse, PipelineError
from ..pool import ManifestFile, Source
from ..pool.codes import codes_beside, projection_beside
from ..pool.offsets_file import offsets_bytes
from ..pool.sources_file import sources_bytes
from ..pool.tar import TarShards
from .card import pool_card, task_card
from .folder import (
    POOL_FILES,
    TASK_FILES,
    pool_folder,
    put,
    put_copy,
    read_index,
    task_folder,
    write_index,
)
from .index import PublishedPool, PublishedTask, StoredFile
from .names import Version, check_name


def publish_pool(
    root: Path,
    manifest: ManifestFile,
    *,
    source: Source | None = None,
    images: str | None = None,
    obtain: str = "",
    name: str = "",
    licence: str = "",
    order: Path | None = None,
    with_codes: bool = True,
) -> PublishedPool:
    """Put a pool into a publisher's folder.

    Args:
        root: the folder, which is made if need be.
        manifest: is read and checked whole.
        source: where the images are on this computer; says where they lie in their shards.
        images: where clients find the shards of `source`: the address of their folder, or the path
            of a folder below `root`.
        obtain: how the images are obtained, for people.
        order: the permutation file of the pool's order.
        with_codes: whether the codes beside the manifest are published, with their projection.

    Raises:
        Misuse: if nothing says how images are obtained, or `images` does not fit.
        PipelineError: if the manifest is damaged, or its pool id is not that of its digests.
    """
    if images is None and not obtain:
        raise Misuse(
            "Nothing says how clients get the images: give their address with --images, or say it "
            "in words with --obtain."
        )
    for _ in manifest.checked():
        pass
    if manifest.prefix_id(len(manifest)) != manifest.pool.id:
        raise PipelineError(
            f"The manifest {manifest.path!r} states a pool id that is not that of its digests; it "
            "is damaged, so index the pool again."
        )
    index = read_index(root)
    id = manifest.pool.id.hex()
    other = index.pool(id)
    if other is None and any(each.id[:16] == id[:16] for each in index.pools):
        raise PipelineError(f"Another pool whose id begins with {id[:16]} is published here.")
    below = pool_folder(root, id).relative_to(root).as_posix()

    def path(role: str) -> str:
        return f"{below}/{POOL_FILES[role]}"

    files = {"manifest": put_copy(root, path("manifest"), Path(manifest.path))}
    if images is not None:
        shards = _shards(source)
        places = _places(root, images, shards)
        files["sources"] = put(root, path("sources"), sources_bytes(places))
        found = None if source is None else _one_of_tars(source)
        if found is not None:
            data = offsets_bytes(manifest, found.index)
            files["offsets"] = put(root, path("offsets"), data)
    if with_codes and codes_beside(manifest.path).exists():
        codes = codes_beside(manifest.path)
        files["codes"] = put_copy(root, path("codes"), codes)
        if projection_beside(codes).exists():
            files["projection"] = put_copy(root, path("projection"), projection_beside(codes))
    if order is not None:
        files["order"] = put_copy(root, path("order"), order)
    pool = PublishedPool(id, manifest.pool.size, name, licence, obtain, files)
    card = put(root, path("card"), pool_card(pool, manifest.metadata.order))
    pool = PublishedPool(id, pool.size, name, licence, obtain, {**files, "card": card})
    write_index(root, index.with_pool(pool))
    return pool


def _one_of_tars(source: Source) -> TarShards | None:
    one = source.containers[0] if len(source.containers) == 1 else None
    return one if isinstance(one, TarShards) else None


def _shards(source: Source | None) -> list[str]:
    if source is None:
        raise Misuse(
            "--images says in which folder clients find the pool's shards; which these are, is not "
            "known here: name them with --pool."
        )
    return [url for container in source.containers for url in container.urls]


def _places(root: Path, images: str, shards: Sequence[str]) -> list[str]:
    """Return where clients find the shards; paths lead from the pool's folder."""
    names = [PurePosixPath(url.partition("#")[0].rstrip("/")).name for url in shards]
    if len(set(names)) != len(names):
        raise Misuse("Two shards of the pool have the same name, so one folder cannot hold both.")
    if "://" in images:
        return [f"{images.rstrip('/')}/{name}" for name in names]
    folder = (root / images).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise Misuse(f"--images {images!r} lies outside of {str(root)!r}, where no client gets.")
    for name in names:
        if not (folder / name).exists():
            raise Misuse(f"There is no {str(folder / name)!r}; put the pool's shards there first.")
    way = folder.relative_to(root.resolve()).as_posix()
    return [str(PurePosixPath("../..") / way / name) for name in names]


def publish_task(
    root: Path,
    data: bytes,
    payload: Payload,
    *,
    signed_by: str = "",
    accuracy: Mapping[str, float] | None = None,
    pool_elsewhere: bool = False,
) -> PublishedTask:
    """Put a version of a task into a publisher's folder.

    Args:
        data: the payload's file.
        payload: what is in it.
        signed_by: id of the key that it is signed with.
        accuracy: figures for the card, 0 to 1, by kind of student.
        pool_elsewhere: publish it without its pool.

    Raises:
        PipelineError: if it has no name or version, that version is published in another file, or
            no pool in the folder serves it.
    """
    name, version = named(payload)
    index = read_index(root)
    pool = next((each for each in index.pools if _serves(root, each, payload)), None)
    if pool is None and not pool_elsewhere:
        raise PipelineError(
            f"No pool in {str(root)!r} serves the task, which was made for the pool "
            f"{payload.pool.id.hex()}; publish that first (plada publish pool), or say "
            "--pool-elsewhere."
        )
    digest = hashlib.sha256(data).hexdigest()
    for each in index.versions(name):
        if each.version == version and each.files["payload"].sha256 != digest:
            raise PipelineError(
                f"Version {version} of {name!r} is published already, in a file of other bytes; "
                "who has that would never get this one. Give the new one a new version."
            )
    said = payload.metadata or {}
    below = task_folder(root, name, version).relative_to(root).as_posix()
    files = {"payload": put(root, f"{below}/{TASK_FILES['payload']}", data)}
    files["about"] = put(root, f"{below}/{TASK_FILES['about']}", _about(payload))

    def published(files: Mapping[str, StoredFile]) -> PublishedTask:
        return PublishedTask(
            name=name,
            version=version,
            supersedes=_said(said, "supersedes"),
            date=_said(said, "date"),
            licence=_said(said, "licence"),
            pool=payload.pool.id.hex() if pool is None else pool.id,
            classes=payload.class_count,
            kept=payload.kept,
            content_id=content_id(payload).hex(),
            signed_by=signed_by,
            files=files,
        )

    card = task_card(published(files), payload, pool, accuracy or {})
    files["card"] = put(root, f"{below}/{TASK_FILES['card']}", card)
    task = published(files)
    write_index(root, index.with_task(task))
    return task


def named(payload: Payload) -> tuple[str, Version]:
    """Return the name and version that a payload's metadata state.

    Raises:
        PipelineError: if they do not.
    """
    said = payload.metadata or {}
    try:
        return check_name(said.get("name")), Version.of(said.get("version"))
    except ValueError as exc:
        raise PipelineError(
            f"The payload does not say which version of which task it is ({exc}); write it with "
            "plada encode --name NAME --version N."
        ) from exc


def _serves(root: Path, pool: PublishedPool, payload: Payload) -> bool:
    if pool.size < payload.pool.size:
        return False
    try:
        ManifestFile(root / pool.files["manifest"].path).serve(payload.pool)
    except Mismatch:
        return False
    return True


def _said(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key, "")
    return value if isinstance(value, str) else ""


def _about(payload: Payload) -> bytes:
    """Class names, their numbers of images, and the metadata, for who does not read payloads."""
    counts = np.bincount(payload.labels, minlength=payload.class_count).tolist()
    about: dict[str, Any] = {
        "classes": list(payload.class_names),
        "kept_per_class": counts,
        "metadata": payload.metadata,
    }
    if payload.identifiers is not None:
        about["identifiers"] = list(payload.identifiers)
    return json.dumps(about, indent=1, ensure_ascii=False).encode() + b"\n"
