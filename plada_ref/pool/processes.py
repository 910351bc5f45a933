"""Runs that are read in worker processes, each of which reads one at a time.

Not threads: Python's own work on an image takes a tenth of the time that hashing 100 kB does, and
more than hashing a thumbnail, and only one thread of a process can do it at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from pladafmt.threads import cores

from ..errors import PipelineError
from .shard import OnProgress, Run

Result = TypeVar("Result")

_AHEAD = 4
"""Runs for each worker that are given out before the first of them is waited for."""

_SECONDS = 0.2
"""Between two looks at how far the workers are."""

_STEP = 1 << 20
"""Bytes after which a worker says how far it is, and looks whether it shall stop."""


def default_workers() -> int:
    """One for each core that this process may use, up to eight: then storage is the limit."""
    return min(8, cores())


def in_processes(
    runs: Iterable[Run],
    work: Callable[[Run, OnProgress], Result],
    workers: int,
    on_progress: OnProgress | None,
) -> Iterator[tuple[Run, Result]]:
    """Yield every run with what `work` makes of it, in order.

    When the caller stops, or this process ends in whatever way, the workers end.

    Args:
        work: can be pickled, as can its result.

    Raises:
        PipelineError: if `work` does, or a worker process is killed.
    """
    context = multiprocessing.get_context()
    done, stop = context.Value("q", 0), context.Value("b", 0)
    under_way: deque[tuple[Run, Future[tuple[Result, Counter[str]]]]] = deque()
    told = 0

    def finished(run: Run, future: Future[tuple[Result, Counter[str]]]) -> tuple[Run, Result]:
        nonlocal told
        waiting = True
        while waiting:
            waiting = bool(wait([future], timeout=_SECONDS).not_done)
            if on_progress is not None:
                new = done.value - told
                told += new
                on_progress(new)
        try:
            result, skipped = future.result()
        except BrokenProcessPool as exc:
            raise PipelineError(
                f"A process that read {run.name!r}, or a shard beside it, was killed, perhaps for "
                "lack of memory; run the same command again with fewer --workers, and it goes on."
            ) from exc
        run.skipped.clear()
        run.skipped.update(skipped)
        return run, result

    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(done, stop))
    try:
        for run in runs:
            under_way.append((run, pool.submit(_work, work, run)))
            if len(under_way) > _AHEAD * workers:
                yield finished(*under_way.popleft())
        while under_way:
            yield finished(*under_way.popleft())
    finally:
        stop.value = 1
        pool.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """Ends a run whose result nobody waits for any more."""


_done: Any = None
_stop: Any = None


def _begin(done: Any, stop: Any) -> None:
    """Prepare a worker process."""
    global _done, _stop
    _done, _stop = done, stop
    # Ctrl-C goes to all processes of a terminal: the parent says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    """End when the parent was killed: an idle worker would wait for its work for ever."""
    parent.join()
    os._exit(1)


def _work(work: Callable[[Run, OnProgress], Result], run: Run) -> tuple[Result, Counter[str]]:
    untold = 0

    def tell(count: int) -> None:
        nonlocal untold
        untold += count
        if untold >= _STEP:
            flush()

    def flush() -> None:
        nonlocal untold
        if _stop.value:
            raise _Stopped
        with _done.get_lock():
            _done.value += untold
        untold = 0

    result = work(run, tell)
    flush()
    return result, run.skipped
