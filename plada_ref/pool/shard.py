"""A shard: the piece of a source that is read in one go, and not again while it is unchanged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from ..storage.location import reachable

Entry = tuple[str, bytes]
"""A key and the stored image bytes."""

OnProgress = Callable[[int], None]
"""Called with the number of bytes just read."""


@dataclass
class Remarks:
    """What was noticed while a shard was read.

    Attributes:
        skipped: number of files left out, by reason; see `plada_ref.pool.reasons`.
        warnings: sentences about what is odd but not an error.
        unreadable: why images do not decode, by key; empty if they were not decoded.
    """

    skipped: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    def add(self, other: Remarks) -> None:
        """Add the remarks about another shard."""
        self.skipped.update(other.skipped)
        self.warnings += [told for told in other.warnings if told not in self.warnings]
        self.unreadable |= other.unreadable

    def become(self, other: Remarks) -> None:
        """Take over the remarks about the same shard from another reading."""
        self.skipped, self.warnings = Counter(other.skipped), list(other.warnings)
        self.unreadable = dict(other.unreadable)


@dataclass
class Shard:
    """A tar file, a Parquet file, or a stretch of a folder's files.

    It can be pickled, so any process can read it.

    Attributes:
        name: where it lies, for people and as the name of its partial result.
        fingerprint: changes when the stored files change.
        size: bytes to read, for progress.
        entries: opens the shard; yields the images and adds to the remarks that it is given.
        remarks: what was noticed; complete when `scan` has ended.
    """

    name: str
    fingerprint: str
    size: int
    entries: Callable[[Remarks], Iterator[Entry]]
    remarks: Remarks = field(default_factory=Remarks)

    def scan(self, on_progress: OnProgress | None = None) -> Iterator[Entry]:
        """Yield (key, image bytes) in stored order; progress adds up to `size`."""
        reported = 0
        with reachable(self.name):
            for key, data in self.entries(self.remarks):
                yield key, data
                step = min(len(data), self.size - reported)
                reported += step
                if on_progress is not None:
                    on_progress(step)
        if on_progress is not None:
            on_progress(self.size - reported)


class Container(Protocol):
    """Stored images of one kind: a folder, tar files or Parquet files."""

    @property
    def urls(self) -> Sequence[str]:
        """Where they lie."""
        ...

    def shards(self) -> Iterator[Shard]:
        """Yield the pieces to read, in a fixed order."""
        ...

    def prepare(self) -> None:
        """Build what `read` needs, before worker processes are started."""
        ...

    def only(self, keys: pa.LargeStringArray) -> Container:
        """Return the same container, ready to `read` the images with these keys."""
        ...

    def read(self, key: str) -> bytes:
        """Read the stored bytes of one image.

        Raises:
            KeyError: if it is not here.
        """
        ...

    def where(self, key: str) -> str:
        """Return the file or folder that holds an image of it, for people."""
        ...

    def place(self, key: str) -> tuple[int, int]:
        """Return where among the others an image is stored; images are read fast in this order."""
        ...

    def __contains__(self, key: object) -> bool: ...
