"""Read shards in worker processes, each of which reads one at a time.

Not threads: Python's own work on an image takes a tenth of the time that hashing 100 kB does, and
longer than hashing a thumbnail, and only one thread of a process can do it at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from ..errors import PipelineError
from .shard import OnProgress, Remarks, Shard

Result = TypeVar("Result")

_AHEAD = 4
"""Shards for each worker that are handed out before the first result is awaited."""

_SECONDS = 0.2
"""Seconds between two checks of the workers' progress."""

_STEP = 1 << 20
"""Bytes after which a worker reports its progress and checks whether to stop."""


def in_processes(
    shards: Iterable[Shard],
    work: Callable[[Shard, OnProgress], Result],
    workers: int,
    on_progress: OnProgress | None,
) -> Iterator[tuple[Shard, Result]]:
    """Yield every shard with the result of `work` on it, in order.

    The workers end when the caller stops or this process ends, even if it is killed.

    Args:
        work: a function that can be pickled, as can its result.

    Raises:
        PipelineError: if `work` does, or a worker process is killed.
    """
    context = multiprocessing.get_context()
    done, stop = context.Value("q", 0), context.Value("b", 0)
    under_way: deque[tuple[Shard, Future[tuple[Result, Remarks]]]] = deque()
    reported = 0

    def finished(shard: Shard, future: Future[tuple[Result, Remarks]]) -> tuple[Shard, Result]:
        nonlocal reported
        waiting = True
        while waiting:
            waiting = bool(wait([future], timeout=_SECONDS).not_done)
            if on_progress is not None:
                new = done.value - reported
                reported += new
                on_progress(new)
        try:
            result, remarks = future.result()
        except BrokenProcessPool as exc:
            raise PipelineError(
                f"A process that read {shard.name!r}, or a neighbouring shard, was killed, perhaps "
                "for lack of memory; run the same command again with fewer --workers, and it goes "
                "on."
            ) from exc
        shard.remarks.become(remarks)
        return shard, result

    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(done, stop))
    try:
        for shard in shards:
            under_way.append((shard, pool.submit(_read_shard, work, shard)))
            if len(under_way) > _AHEAD * workers:
                yield finished(*under_way.popleft())
        while under_way:
            yield finished(*under_way.popleft())
    finally:
        stop.value = 1
        pool.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """Ends the reading of a shard whose result is no longer wanted."""


_done: Any = None
_stop: Any = None


def _start_worker(done: Any, stop: Any) -> None:
    """Set up a worker process."""
    global _done, _stop
    _done, _stop = done, stop
    # Ctrl-C goes to all processes of a terminal: the parent says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    """Exit when the parent was killed: an idle worker would wait for work forever."""
    parent.join()
    os._exit(1)


def _read_shard(
    work: Callable[[Shard, OnProgress], Result], shard: Shard
) -> tuple[Result, Remarks]:
    unreported = 0

    def report(count: int) -> None:
        nonlocal unreported
        unreported += count
        if unreported >= _STEP:
            flush()

    def flush() -> None:
        nonlocal unreported
        if _stop.value:
            raise _Stopped
        with _done.get_lock():
            _done.value += unreported
        unreported = 0

    result = work(shard, report)
    flush()
    return result, shard.remarks
