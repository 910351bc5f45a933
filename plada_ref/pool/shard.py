"""A run: a piece of a source that is read in one go, and not read again while it is unchanged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

Entry = tuple[str, bytes]
"""A key and the stored image bytes."""

OnProgress = Callable[[int], None]
"""Called with the number of bytes just read."""


@dataclass
class Run:
    """One shard, or a stretch of files of a folder. It can be pickled: any process can read it.

    Attributes:
        name: where it lies, for people and as the name of its partial result.
        fingerprint: changes when the stored files change.
        size: bytes to read, for progress.
        entries: opens the run; given a counter of skipped files by reason, it yields the images.
        skipped: files left out by reason; complete when `scan` is through.
    """

    name: str
    fingerprint: str
    size: int
    entries: Callable[[Counter[str]], Iterator[Entry]]
    skipped: Counter[str] = field(default_factory=Counter)

    def scan(self, on_progress: OnProgress | None = None) -> Iterator[Entry]:
        """Yield (key, image bytes) in stored order; progress adds up to `size`."""
        told = 0
        for key, data in self.entries(self.skipped):
            yield key, data
            step = min(len(data), self.size - told)
            told += step
            if on_progress is not None:
                on_progress(step)
        if on_progress is not None:
            on_progress(self.size - told)


class Container(Protocol):
    """A kind of place that holds images: a folder, tar shards, Parquet shards."""

    def runs(self) -> Iterator[Run]:
        """The pieces of this container, in a fixed order."""
        ...

    def prepare(self) -> None:
        """Build what `read` needs, before worker processes are started."""
        ...

    def only(self, keys: pa.LargeStringArray) -> Container:
        """The same place, ready to `read` the images with these keys, and perhaps no others."""
        ...

    def read(self, key: str) -> bytes:
        """The stored bytes of one image; KeyError when it is not here."""
        ...

    def __contains__(self, key: object) -> bool: ...
