"""Options that name a pool: its manifest, and where its images lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .group import OptionGroup

if TYPE_CHECKING:
    from ...pool import LocalPool, StoredPool

ManifestOption = Annotated[
    Path,
    typer.Option(
        "--manifest",
        "-m",
        metavar="MANIFEST",
        help="The pool's manifest, by plada pool index.",
        show_default=False,
    ),
]
PoolOption = Annotated[
    list[str],
    typer.Option(
        "--pool",
        metavar="SOURCE",
        help="Where the pool's images lie: an image folder, .tar shards or .parquet files; a path, "
        "a quoted glob or a URL. May be repeated.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class PoolOptions(OptionGroup):
    """A pool with its images."""

    manifest: ManifestOption
    pool: PoolOption

    def open(self) -> StoredPool:
        """Return the pool, for images that are asked for once or in large stretches.

        Raises:
            PipelineError, Misuse: if the manifest or a source cannot be opened.
        """
        return open_pool(self.manifest, self.pool)

    def open_whole(self) -> LocalPool:
        """Return the pool with the whole manifest in memory.

        Raises:
            PipelineError, Misuse: if the manifest or a source cannot be opened.
        """
        return open_whole_pool(self.manifest, self.pool)


def open_pool(manifest: Path, sources: list[str]) -> StoredPool:
    """Return a pool, for images that are asked for once or in large stretches.

    Raises:
        PipelineError, Misuse: if the manifest or a source cannot be opened.
    """
    from ...pool import ManifestFile, StoredPool, open_source

    return StoredPool(ManifestFile(manifest), open_source(sources))


def open_whole_pool(manifest: Path, sources: list[str]) -> LocalPool:
    """Return a pool with the whole manifest in memory.

    Raises:
        PipelineError, Misuse: if the manifest or a source cannot be opened.
    """
    from ...pool import LocalPool, Manifest, open_source

    return LocalPool(Manifest.read(manifest), open_source(sources))
