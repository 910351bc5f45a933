"""A command of `plada` in a process of its own, with the memory of its workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import psutil

from .child import peak_of

INTERVAL = 0.2
"""Seconds between two looks at the memory of a command and its workers."""


@dataclass(frozen=True)
class Ran:
    """What a command printed and took.

    Attributes:
        result: the object that ``--json`` prints.
        seconds: wall clock.
        processor: seconds of processor time, workers included.
        peak: peak resident set of its largest process, in bytes.
        together: largest sum over its processes, seen every `INTERVAL`, in bytes; a page that
            several of them share counts once. Where the system does not tell (not on Linux), the
            sum of resident sets.
    """

    result: dict[str, Any]
    seconds: float
    processor: float
    peak: int
    together: int

    def to_json(self) -> dict[str, float]:
        """The figures, memory in MB."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.processor, 2),
            "peak_mb": round(self.peak / 1e6, 1),
            "together_mb": round(self.together / 1e6, 1),
        }


def plada(*arguments: object, cache: str) -> Ran:
    """Run ``plada ARGUMENTS --json`` with its caches in the folder `cache`.

    Raises:
        SystemExit: if it fails.
    """
    command = [sys.executable, "-m", "plada_ref", *map(str, arguments), "--json"]
    together = 0
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            command,
            stdout=printed,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PLADA_CACHE": cache},
        )
        try:
            while True:
                # Not Popen.wait: only wait4 tells the peak of this child alone.
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                together = max(together, _together(process.pid))
                time.sleep(INTERVAL)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        lines = printed.read().splitlines()
    if process.returncode:
        raise SystemExit(f"plada {' '.join(command[3:])} has failed: {lines[-1:]}")
    return Ran(
        json.loads(lines[-1]),
        seconds,
        usage.ru_utime + usage.ru_stime,
        peak_of(usage),
        max(together, peak_of(usage) if not together else 0),
    )


def _together(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                memory = process.memory_full_info()
            except psutil.Error:
                continue  # It has just ended.
            total += getattr(memory, "pss", memory.rss)
    except psutil.Error:
        pass
    return total
