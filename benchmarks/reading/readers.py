"""The readers that are compared, each in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ..scale import child

CLIENTS = Path(__file__).parents[2] / "conformance" / "clients"
SECONDS = 600
"""After which a reader is stopped."""


class LeftOut(Exception):
    """A reader cannot be run here; the message says why."""


@dataclass(frozen=True)
class Taken:
    """What reading a file took: seconds of wall clock and processor, peak memory in bytes."""

    wall: float
    processor: float
    peak: int


def ours(path: Path, *, numba: bool) -> Taken:
    """Read with pladafmt: from opening the file to the payload, numba's import included.

    Raises:
        LeftOut: if there is no numba, or a file is refused for want of it.
    """
    if numba and importlib.util.find_spec("numba") is None:
        raise LeftOut("numba is not installed: pip install 'pladafmt[fast]'")
    measured = child.run(load_once, path=str(path), numba=numba)
    if measured.value is None:
        raise LeftOut("beyond the limit dense, which holds without numba")
    wall, processor = measured.value
    return Taken(wall, processor, measured.peak)


def load_once(path: str, numba: bool) -> tuple[float, float] | None:
    """Read a file and return what it took, None if a limit refuses it; runs in the child."""
    if not numba:
        sys.modules["numba"] = None  # type: ignore[assignment]  # What makes an import fail.
    from pladafmt import LimitExceeded, load

    started, used = time.perf_counter(), time.process_time()
    try:
        load(path)
    except LimitExceeded:
        return None
    return time.perf_counter() - started, time.process_time() - used


def by_program(command: list[str], path: Path) -> Taken:
    """Read with a program that takes the name of a file; starting it is part of what it takes.

    Raises:
        LeftOut: if it fails, or is stopped.
    """
    # The peak of a program includes what the process that starts it holds: a child holds little.
    done = child.run(run_program, command=[*command, str(path)])
    status, wall, processor, peak = done.value
    if status is None:
        raise LeftOut(f"stopped after {SECONDS} s")
    if status:
        raise LeftOut(f"ended with status {status}")
    return Taken(wall, processor, peak)


def run_program(command: list[str]) -> tuple[int | None, float, float, int]:
    """Run a program and return its status, None if it was stopped, and what it took."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop = threading.Timer(SECONDS, process.kill)
    stop.start()
    # Not Popen.wait: only wait4 tells the peak of this child alone.
    _, status, usage = os.wait4(process.pid, 0)
    stop.cancel()
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    ended = None if wall >= SECONDS else process.returncode
    return ended, wall, usage.ru_utime + usage.ru_stime, child.peak_of(usage)


def build_c(folder: Path) -> list[str]:
    """Build the client in C in a new folder below `folder`, and return its command.

    Raises:
        LeftOut: if that is not possible here.
    """
    if shutil.which("make") is None or shutil.which("cc") is None:
        raise LeftOut("make or a C compiler is not installed")
    copy = Path(tempfile.mkdtemp(dir=folder)) / "c"
    shutil.copytree(CLIENTS / "c", copy)
    built = subprocess.run(["make", "-C", str(copy), "plada-client"], capture_output=True)
    if built.returncode:
        raise LeftOut("the client in C cannot be built; it needs zlib, libcrypto and libzstd")
    return [str(copy / "plada-client")]


def find_javascript() -> list[str]:
    """Return the command of the client in JavaScript.

    Raises:
        LeftOut: if it cannot be run here.
    """
    folder = CLIENTS / "javascript"
    if shutil.which("node") is None:
        raise LeftOut("node is not installed")
    if not (folder / "node_modules" / "fzstd").is_dir():
        raise LeftOut("run npm install in conformance/clients/javascript")
    return ["node", str(folder / "client.js")]
