"""Options that name a pool: its manifest, and where its images are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .group import OptionGroup

if TYPE_CHECKING:
    from ...pool import DiskPool, MemoryPool

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
        help="Where the pool's images are: an image folder, .tar shards or .parquet files; a path, "
        "a quoted glob or a URL. May be repeated.",
        show_default=False,
    ),
]


MaxUnreadableOption = Annotated[
    float | None,
    typer.Option(
        "--max-unreadable",
        metavar="SHARE",
        help="Images that do not decode are skipped, counted and never kept, up to this part of "
        "all, such as 0.01; 0 stops at the first. Default: 0.001, in small pools 0.01 up to 10 "
        "images.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class PoolOptions(OptionGroup):
    """A pool with its images."""

    manifest: ManifestOption
    pool: PoolOption
    max_unreadable: MaxUnreadableOption = None

    def open(self) -> DiskPool:
        """Return the pool, for images that are asked for once or in large stretches.

        Raises:
            PipelineError, Misuse: if the manifest or a source cannot be opened.
        """
        from ...pool import open_pool

        return open_pool(self.manifest, *self.pool)

    def open_whole(self) -> MemoryPool:
        """Return the pool with the whole manifest in memory.

        Raises:
            PipelineError, Misuse: if the manifest or a source cannot be opened.
        """
        from ...pool import open_pool

        return open_pool(self.manifest, *self.pool, in_memory=True)


@dataclass(frozen=True, kw_only=True)
class OptionalPoolOptions(OptionGroup):
    """A pool with its images, for a command that may do without."""

    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", "-m", metavar="MANIFEST", help="The pool's manifest."),
    ] = None
    pool: Annotated[
        list[str] | None,
        typer.Option("--pool", metavar="SOURCE", help="The pool's images. May be repeated."),
    ] = None
