"""An alarm for what may take too long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SECONDS = 10.0
"""Time that a decoder may take for a file."""


class Late(BaseException):
    """Raised by the alarm, through whatever is running and catches exceptions."""


@dataclass
class Alarm:
    """Whether it has rung.

    `Late` is lost where C calls Python, as numba's compiler does. What then goes wrong is the
    alarm's doing.
    """

    rang: bool = False

    def ring(self, number: int, frame: FrameType | None) -> None:
        """Be the handler of the signal."""
        self.rang = True
        raise Late


@contextmanager
def alarm(seconds: float | None = None, *, of_processor: bool = False) -> Iterator[Alarm]:
    """Raise `Late` in what takes longer; only in a process's main thread.

    Args:
        seconds: how long; `SECONDS` when None.
        of_processor: whether they are seconds of processor time, which a busy machine does not
            shorten.
    """
    made = Alarm()
    if threading.current_thread() is not threading.main_thread():
        yield made
        return
    kind, timer = signal.SIGALRM, signal.ITIMER_REAL
    if of_processor:
        kind, timer = signal.SIGPROF, signal.ITIMER_PROF
    before = signal.signal(kind, made.ring)
    signal.setitimer(timer, SECONDS if seconds is None else seconds)
    try:
        yield made
    finally:
        signal.setitimer(timer, 0)
        signal.signal(kind, before)
