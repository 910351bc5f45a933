"""Large independent pieces of writing, shared out among threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
    items = list(items)
    threads = min(cores(), _MOST, len(items))
    if threads < 2:
        return list(map(function, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
