"""The memory that a client and its children hold, as far as the system shows it to anybody.

Seen are resident pages and, on Linux, files in memory that are open: memfd and those of /dev/shm,
which are in no resident size until somebody maps them. Not seen are files in memory that nobody has
open, segments of System V, and what waits in pipes; no limit that works without root bounds them
(RLIMIT_FSIZE bounds each file and not their sum, RLIMIT_RSS and RLIMIT_DATA bound none).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache

import psutil

_BLOCK = 512
"""Bytes of what `stat` counts as a block."""

_ON_LINUX = sys.platform == "linux"


def resident(pid: int) -> int:
    """Return the bytes that a process and its children hold; on Linux its own peak counts."""
    total, pids = 0, [pid]
    with contextlib.suppress(psutil.Error):
        main = psutil.Process(pid)
        total = max(main.memory_info().rss, _status(pid).get("VmHWM", 0))
        for child in main.children(recursive=True):
            total += child.memory_info().rss
            pids.append(child.pid)
    return total + _unmapped(pids)


def peak(pid: int) -> int:
    """Return the most bytes that a process alone has held since `forget_peak`; 0 if unknown."""
    most = _status(pid).get("VmHWM", 0)
    return most and most + _unmapped([pid])


def forget_peak(pid: int) -> None:
    """Have Linux forget the peak of a process until now."""
    with (
        contextlib.suppress(OSError),
        open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file,
    ):
        file.write("5")


def _status(pid: int) -> dict[str, int]:
    """Return the sizes in a process's status, in bytes; none where there is no /proc."""
    found = {}
    with (
        contextlib.suppress(OSError, ValueError),
        open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file,
    ):
        for line in file:
            if line.startswith(("VmHWM:", "RssShmem:")):
                name, size, _ = line.split(maxsplit=2)
                found[name[:-1]] = 1024 * int(size)
    return found


def _unmapped(pids: Iterable[int]) -> int:
    """Return the bytes of open files in memory beyond the shared pages that are resident."""
    held: dict[tuple[int, int], int] = {}
    for pid in pids:
        held.update(_files_in_memory(pid))
    if not held:
        return 0
    mapped = sum(_status(pid).get("RssShmem", 0) for pid in pids)
    return max(0, sum(held.values()) - mapped)


def _files_in_memory(pid: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield device and inode, and the bytes, of each file in memory that a process has open."""
    folder = f"/proc/{pid}/fd"
    names = []
    with contextlib.suppress(OSError):
        names = os.listdir(folder) if _ON_LINUX else []
    for name in names:
        with contextlib.suppress(OSError):
            found = os.stat(f"{folder}/{name}")
            if found.st_dev in _devices():
                yield (found.st_dev, found.st_ino), _BLOCK * found.st_blocks


@lru_cache(maxsize=1)
def _devices() -> frozenset[int]:
    """Return the devices of memfd and of /dev/shm."""
    found = set()
    with contextlib.suppress(OSError):
        descriptor = os.memfd_create("plada")
        found.add(os.fstat(descriptor).st_dev)
        os.close(descriptor)
    with contextlib.suppress(OSError):
        found.add(os.stat("/dev/shm").st_dev)
    return frozenset(found)
