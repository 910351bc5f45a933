"""Options that name a pool: its manifest, and where its images are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Misuse
from .address import fetch, readable
from .group import OptionGroup

if TYPE_CHECKING:
    from ...pool import DiskPool, MemoryPool

ManifestOption = Annotated[
    Path | None,
    typer.Option(
        "--manifest",
        "-m",
        metavar="MANIFEST",
        help="The pool's manifest, by plada pool index.",
        parser=readable(),
        show_default=False,
    ),
]
PoolOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pool",
        metavar="SOURCE",
        help="Where the pool's images are: an image folder, .tar shards or .parquet files; a path, "
        "a quoted glob or a URL. May be repeated. Default: where they were when the manifest was "
        "made. Alone, it may name the manifest.",
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
class OptionalPoolOptions(OptionGroup):
    """A pool with its images, for a command that may do without."""

    panel = "Pool"
    everyday = frozenset({"manifest", "pool"})

    manifest: ManifestOption = None
    pool: PoolOption = None

    @property
    def given(self) -> bool:
        """Whether a pool is named at all."""
        return self.manifest is not None or bool(self.pool)

    @property
    def listed(self) -> Path:
        """The manifest, which ``--pool`` alone may name too.

        Raises:
            Misuse: if no option names one.
        """
        if self.manifest is not None:
            return self.manifest
        if self.pool is not None and len(self.pool) == 1 and self.pool[0].endswith(".parquet"):
            return fetch(self.pool[0])
        raise Misuse(
            "Name the pool's manifest with --manifest (-m); plada pool index makes it. --pool "
            "alone says where the images are, and not which of them the pool has."
        )

    @property
    def places(self) -> list[str]:
        """Where the images are said to be; empty for where they were when the manifest was made."""
        return [] if self.manifest is None else list(self.pool or ())

    def open(self) -> DiskPool:
        """Return the pool, for images that are asked for once or in large stretches.

        Raises:
            PipelineError, Misuse: if the manifest or a source cannot be opened.
        """
        from ...pool import open_pool

        return open_pool(self.listed, *self.places)

    def open_whole(self) -> MemoryPool:
        """Return the pool with the whole manifest in memory.

        Raises:
            PipelineError, Misuse: if the manifest or a source cannot be opened.
        """
        from ...pool import open_pool

        return open_pool(self.listed, *self.places, in_memory=True)


@dataclass(frozen=True, kw_only=True)
class PoolOptions(OptionalPoolOptions):
    """A pool with its images, for a command that needs one."""

    max_unreadable: MaxUnreadableOption = None
