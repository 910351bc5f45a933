"""Open a pool by the paths of its manifest and of its images."""

from __future__ import annotations

import os
from typing import Literal, overload

from ..errors import Misuse
from ..storage.fetched import local
from ..storage.location import is_address
from .disk_pool import DiskPool
from .manifest import Manifest
from .manifest_file import ManifestFile
from .memory_pool import MemoryPool
from .offsets_file import PublishedOffsets
from .source import Source, open_source
from .sources_file import remembered, sources_beside
from .tar import TarShards

StrPath = str | os.PathLike[str]


@overload
def open_pool(
    manifest: StrPath, *sources: StrPath, in_memory: Literal[False] = False
) -> DiskPool: ...


@overload
def open_pool(manifest: StrPath, *sources: StrPath, in_memory: Literal[True]) -> MemoryPool: ...


@overload
def open_pool(
    manifest: StrPath, *sources: StrPath, in_memory: bool = False
) -> DiskPool | MemoryPool: ...


def open_pool(
    manifest: StrPath, *sources: StrPath, in_memory: bool = False
) -> DiskPool | MemoryPool:
    """Open a pool of images by its manifest.

    No image is read yet: every image is compared with the manifest when it is opened. Codes beside
    the manifest (``pool.codes.npy`` for ``pool.parquet``) are the pool's ``codes``.

    Args:
        manifest: the Parquet file that `plada pool index` or `index_pool` wrote; an address, such
            as ``https://example.org/pool.parquet``, is fetched.
        sources: where the images are: image folders, ``.tar`` and ``.parquet`` files, as paths,
            globs, or URLs that fsspec knows, such as ``s3://bucket/pool-*.tar``. When none is
            given, what ``pool.sources.json`` beside the manifest says, by `plada pool index`.
        in_memory: read the whole manifest now, and index all images, for code that opens images in
            any order. Otherwise the manifest stays on disk, and ``only(positions)`` prepares the
            images at some positions.

    Returns:
        A `MemoryPool` if `in_memory`, else a `DiskPool`.

    Raises:
        Misuse: if a source does not exist or is not a source of images, or none is known.
        PipelineError: if the manifest is missing, damaged, or not a manifest; with `in_memory`,
            also if a shard is damaged, or two images have the same key.

    Example:
        >>> pool = open_pool("pool.parquet", "shards/*.tar")  # doctest: +SKIP
        >>> pool.only([3, 14]).open_image(14)  # doctest: +SKIP
    """
    specs = [os.fspath(source) for source in sources]
    manifest = local(os.fspath(manifest))
    # The manifest first: a wrong file is found before a large source is listed.
    listed = Manifest.read(manifest) if in_memory else ManifestFile(manifest)
    source = open_source(specs) if specs else open_remembered(manifest)
    if isinstance(listed, Manifest):
        return MemoryPool(listed, source, manifest)
    return DiskPool(listed, source)


def open_remembered(manifest: StrPath) -> Source:
    """Open the source that the file beside a manifest names.

    Raises:
        Misuse: if there is no such file, or its places are not there.
        PipelineError: if it cannot be understood.
    """
    try:
        places = remembered(manifest)
        # Otherwise all headers of remote shards would be fetched to find a few images in them.
        if places and all(is_address(place) and place.endswith(".tar") for place in places):
            known = PublishedOffsets.beside(ManifestFile(manifest), places)
            if known is not None:
                return Source([TarShards(places, known)])
        return open_source(places)
    except Misuse as exc:
        beside = sources_beside(manifest)
        if not beside.exists():
            raise
        raise Misuse(f"{exc} {str(beside)!r} names that place; --pool names another.") from exc
