"""Where a pool's images lie: folders, tar and Parquet files, read as one source."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from functools import cached_property

import pyarrow as pa

from ..errors import Misuse
from ..storage.location import expand, filesystem, is_address, is_local, reachable
from .folder import Folder
from .keys import reason_to_skip
from .parquet import ParquetShards, without_choice
from .shard import Container, Entry, OnProgress, Shard
from .tar import TarShards

_SHARDS = (".tar", ".parquet")


class Source:
    """Images by key, in one sequential pass or one at a time.

    A source can be pickled and used after a fork: it holds no open file.
    """

    def __init__(self, containers: Sequence[Container]) -> None:
        self.containers = tuple(containers)

    @cached_property
    def remote(self) -> bool:
        """Whether images are elsewhere, so that reading one means to fetch it."""
        return any(is_address(url) for container in self.containers for url in container.urls)

    def shards(self) -> Iterator[Shard]:
        """Yield the pieces to read, in a fixed order."""
        for container in self.containers:
            yield from container.shards()

    def size(self) -> int:
        """Count the bytes that a scan reads. Walks folders, but opens no file."""
        return sum(shard.size for shard in self.shards())

    def scan(self, on_progress: OnProgress | None = None) -> Iterator[Entry]:
        """Yield (key, image bytes) of every image in stored order, which need not be sorted.

        Args:
            on_progress: called with the number of bytes just read, `size` in all.

        Raises:
            PipelineError: if a shard is damaged.
        """
        for shard in self.shards():
            yield from shard.scan(on_progress)

    def prepare(self) -> None:
        """Build what `read` needs now rather than at the first read.

        Worth calling before worker processes start, which then share it.

        Raises:
            PipelineError: if a shard is damaged, or two hold the same key.
        """
        for container in self.containers:
            with reachable("the pool"):
                container.prepare()

    def only(self, keys: pa.LargeStringArray) -> Source:
        """Return the same source, ready to `read` the images with these keys.

        What `prepare` builds for all images is built for these only; it may not know others.

        Raises:
            PipelineError: if a shard is damaged, or two hold one of these keys.
        """
        return Source([container.only(keys) for container in self.containers])

    def read(self, key: str) -> bytes:
        """Read the stored bytes of one image.

        Raises:
            KeyError: if no image has this key.
        """
        for container in self.containers:
            try:
                with reachable(key):
                    return container.read(key)
            except KeyError:
                continue
        raise KeyError(key)

    def where(self, key: str) -> str:
        """Return the folder or shard that holds an image, for people; "" if none does."""
        return next((each.where(key) for each in self.containers if key in each), "")

    def place(self, key: str) -> tuple[int, ...]:
        """Return something by which images are sorted as they are stored."""
        for number, container in enumerate(self.containers):
            if key in container:
                return number, *container.place(key)
        return ()

    def __contains__(self, key: object) -> bool:
        return any(key in container for container in self.containers)


def open_source(specs: Sequence[str]) -> Source:
    """Open folders, ``.tar`` and ``.parquet`` files as one source.

    Args:
        specs: local paths, globs, or URLs that fsspec knows, such as ``s3://bucket/pool-*.tar``.
            ``#NAME`` behind a Parquet file chooses its image column, and ``#rows`` the keys, see
            `plada_ref.pool.parquet`.

    Raises:
        Misuse: if one of them is not there or is something else.
        PipelineError: if a server cannot be reached.
    """
    containers: list[Container] = []
    tars: list[str] = []
    parquets: list[str] = []
    # A glob and a name may both give a shard; the dict drops the second and keeps the order.
    for url in dict.fromkeys(url for spec in specs for url in _expand(spec)):
        plain, choice = without_choice(url)
        suffix = posixpath.splitext(filesystem(plain)[1])[1].lower()
        # Not by the path alone: a folder may really be called "photos.tar". But a web server's
        # files would be fetched whole to find out.
        if not (suffix in _SHARDS and plain.startswith("http")) and _is_folder(plain):
            if choice:
                raise Misuse(f"{plain!r} is a folder, so {'#' + choice!r} means nothing.")
            _refuse_shards_alone(plain)
            containers.append(Folder(plain))
        elif suffix == ".tar":
            tars.append(plain)
        elif suffix == ".parquet":
            parquets.append(url)
        else:
            raise Misuse(
                f"{url!r} is not a source of images; give image folders, uncompressed .tar shards "
                "or .parquet files."
            )
    if tars:
        containers.append(TarShards(tars))
    if parquets:
        containers.append(ParquetShards(parquets))
    return Source(containers)


def _refuse_shards_alone(folder: str) -> None:
    """Say how shards are named, before all of a pool's images are missing for want of a ``*``.

    A local folder alone is looked into, up to the first image or folder in it.

    Raises:
        Misuse: if the folder holds shards, and nothing that a folder of images does.
    """
    if not is_local(folder):
        return
    found = set()
    try:
        with os.scandir(filesystem(folder)[1]) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue  # As a folder of images leaves them out, with what is below them.
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder or reason_to_skip(entry.name) != "not-an-image":
                    return
                found.add(posixpath.splitext(entry.name)[1].lower())
    except OSError:
        return  # Whoever reads the folder says so.
    shards = " ".join(f"'{folder.rstrip('/')}/*{suffix}'" for suffix in _SHARDS if suffix in found)
    if shards:
        raise Misuse(
            f"{folder!r} is a folder without images, but with shards; for these give the shards "
            f"themselves: {shards}"
        )


def _expand(spec: str) -> list[str]:
    plain, choice = without_choice(spec)
    return [f"{url}#{choice}" if choice else url for url in expand(plain)]


def _is_folder(url: str) -> bool:
    fs, path = filesystem(url)
    with reachable(url):
        return bool(fs.isdir(path))
