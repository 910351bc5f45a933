"""The largest anonymous memory of a stretch of work: what a process holds beside mapped files."""

from __future__ import annotations

import threading
from types import TracebackType

INTERVAL = 0.005
"""Seconds between two looks."""


class Anonymous:
    """Looks at this process's anonymous resident set, which has no peak of its own, in a thread.

    Pages of a mapped file count as resident too, but they are the page cache's: the system takes
    them back whenever it wants to.

    Attributes:
        before: bytes at the start; None where the system does not tell (not on Linux).
        peak: the most that was seen.
    """

    def __init__(self) -> None:
        self.before = self.peak = now()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Anonymous:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        if self.peak is not None:  # On a busy machine the thread may not have had its turn.
            self.peak = max(self.peak, now() or 0)

    def _look(self) -> None:
        while self.peak is not None and not self._done.wait(INTERVAL):
            self.peak = max(self.peak, now() or 0)


def now() -> int | None:
    """Return the anonymous resident set of this process in bytes, or None."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            sizes = [line.split()[1] for line in file if line.startswith("RssAnon:")]
        return 1024 * int(sizes[0])
    except (OSError, IndexError):
        return None
