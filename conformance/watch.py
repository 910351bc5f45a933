"""An alarm for what may take too long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 10.0
"""Time that a decoder may take for a file."""


class Late(BaseException):
    """Raised by the alarm, through whatever is running and catches exceptions."""


def _ring(number: int, frame: FrameType | None) -> None:
    raise Late


@contextmanager
def alarm() -> Iterator[None]:
    """Raise `Late` in what takes longer than `SECONDS`; only in a process's main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
