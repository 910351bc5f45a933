"""Open a pool by the paths of its manifest and of its images."""

from __future__ import annotations

import os
from typing import Literal, overload

from ..errors import Misuse
from .disk_pool import DiskPool
from .manifest import Manifest
from .manifest_file import ManifestFile
from .memory_pool import MemoryPool
from .source import open_source

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
        manifest: the Parquet file that `plada pool index` or `index_pool` wrote.
        sources: where the images are: image folders, ``.tar`` and ``.parquet`` files, as paths,
            globs, or URLs that fsspec knows, such as ``s3://bucket/pool-*.tar``. At least one.
        in_memory: read the whole manifest now, and index all images, for code that opens images in
            any order. Otherwise the manifest stays on disk, and ``only(positions)`` prepares the
            images at some positions.

    Returns:
        A `MemoryPool` if `in_memory`, else a `DiskPool`.

    Raises:
        Misuse: if a source does not exist or is not a source of images, or none is given.
        PipelineError: if the manifest is missing, damaged, or not a manifest; with `in_memory`,
            also if a shard is damaged, or two images have the same key.

    Example:
        >>> pool = open_pool("pool.parquet", "shards/*.tar")  # doctest: +SKIP
        >>> pool.only([3, 14]).open_image(14)  # doctest: +SKIP
    """
    if not sources:
        raise Misuse("A pool needs a source of images: image folders, .tar or .parquet files.")
    specs = [os.fspath(source) for source in sources]
    # The manifest first: a wrong file is found before a large source is listed.
    if in_memory:
        return MemoryPool(Manifest.read(manifest), open_source(specs), manifest)
    return DiskPool(ManifestFile(manifest), open_source(specs))
