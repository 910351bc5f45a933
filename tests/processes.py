"""Look at other processes, on Linux."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that have not ended or were not waited for."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return list(map(int, found.read_text().split())) if found.exists() else []


def runs(pid: int) -> bool:
    """Whether a process has not ended; that of a killed parent may wait forever to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(look: Callable[[], list[int]], count: int) -> list[int]:
    """Wait until `look` finds so many processes, and return them."""
    end = time.monotonic() + 60
    while len(found := look()) != count:
        assert time.monotonic() < end, f"{found} for {count}"
        time.sleep(0.05)
    return found
