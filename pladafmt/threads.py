"""Do large independent pieces of reading and writing in several threads."""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST = 8


def share_out(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return the results in the order of the items, which does not depend on the threads.

    One thread for each core, up to eight: Zstandard and NumPy let others run while they work. An
    item should take tens of milliseconds, or starting threads is not worth it.

    Raises:
        Exception: the first one of `function`, in the order of the items.
    """
    return list(in_turn(function, items))


def in_turn(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what `share_out` returns, each result as soon as it and those before it are there."""
    items = list(items)
    threads = min(cores(), _MOST, len(items))
    if threads < 2:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)


class Background(Generic[Result]):
    """Start work at once in a thread of its own, while the caller does something else.

    `threading.Thread` is not used, as it waits until the thread runs, a tenth of a millisecond.

    Args:
        work: what to do; it is done by `result` where there are no threads.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._found: list[Result] = []
        self._error: BaseException | None = None
        self._under_way = allocate_lock()
        self._under_way.acquire()
        try:
            start_new_thread(self._run, ())
        except RuntimeError:
            self._started = False
        else:
            self._started = True

    def result(self) -> Result:
        """Wait for what `work` returns. To be called once.

        Raises:
            Exception: what `work` has raised.
        """
        if not self._started:
            return self._work()
        self._under_way.acquire()
        if self._error is not None:
            raise self._error
        return self._found.pop()

    def _run(self) -> None:
        try:
            self._found.append(self._work())
        except BaseException as error:
            self._error = error
        finally:
            self._under_way.release()


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
