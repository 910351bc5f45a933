"""How far a long function is: what it says of itself, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Called with the number of steps just done."""


class Progress(Protocol):
    """Hears how far a long function is; `plada_ref.output.Output` shows it on a terminal."""

    def say(self, text: str) -> None:
        """Take a line for people."""
        ...

    def warn(self, text: str) -> None:
        """Take a warning for people."""
        ...

    def track(self, description: str, total: int | None) -> AbstractContextManager[Advance]:
        """Follow `total` steps, None if unknown, while the block runs."""
        ...


class Silence:
    """Progress that nobody hears."""

    def say(self, text: str) -> None:
        """Do nothing."""

    def warn(self, text: str) -> None:
        """Do nothing."""

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Advance]:
        """Follow nothing."""
        yield lambda steps: None
