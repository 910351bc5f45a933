"""A client's process: started, asked, watched, and gone at the end with all its children.

The runner observes time, memory and output itself. What a client says of them does not count.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psutil

from . import memory

MIB = 2**20
TICK = 0.02
"""Seconds between two looks at a client's memory."""

STDERR_KEPT = 4000
"""Bytes of standard error that are kept to be shown."""

Trouble = Literal["crash", "hang", "memory", "flood", "garbage", "desk"]


@dataclass(frozen=True)
class Bounds:
    """What a client may use for one request.

    Attributes:
        seconds: wall-clock time.
        memory: memory of the client and its children, in bytes; `memory.py` says what counts.
        output: bytes on standard output.
    """

    seconds: float = 10.0
    memory: int = 1024 * MIB
    output: int = 64 * MIB


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        answer: the client's answer, or None if there is none that counts.
        trouble: what went wrong, or None.
        detail: a sentence about it.
        seconds: time until the answer.
        memory: most memory meanwhile, in bytes; 0 where it is not known.
        status: exit status, if the client has ended.
    """

    answer: dict[str, Any] | None
    trouble: Trouble | None
    detail: str
    seconds: float
    memory: int
    status: int | None = None


def adopt_orphans() -> None:
    """Have processes whose parent ends become children of this one, where the system can (Linux).

    A client that starts a daemon would leave it behind otherwise.
    """
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


class Process:
    """A running client.

    Args:
        command: program and arguments.
        bounds: what it may use for each request.
        environment: its environment variables, all of them.
    """

    def __init__(
        self, command: Sequence[str], bounds: Bounds, environment: Mapping[str, str]
    ) -> None:
        self.command = list(command)
        self.bounds = bounds
        self.errors = b""
        self._before = {child.pid for child in psutil.Process().children(recursive=True)}
        self._popen = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
        assert self._popen.stdout is not None and self._popen.stderr is not None
        os.set_blocking(self._popen.stdout.fileno(), False)
        os.set_blocking(self._popen.stderr.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._popen.stdout, selectors.EVENT_READ, "out")
        self._selector.register(self._popen.stderr, selectors.EVENT_READ, "err")
        self._pending = b""
        self._open = True

    def ask(self, request: dict[str, Any]) -> Reply:
        """Send one request and wait for its answer; a client in trouble is stopped."""
        line = json.dumps(request).encode() + b"\n"
        memory.forget_peak(self._popen.pid)
        start = time.monotonic()
        try:
            assert self._popen.stdin is not None
            self._popen.stdin.write(line)
            self._popen.stdin.flush()
        except OSError:
            return self._trouble("crash", "The client has closed its standard input.", start, 0)
        return self._wait(start, whole_output=False)

    def finish(self) -> Reply:
        """Close the client's standard input and wait for it to end; its output is the answer."""
        start = time.monotonic()
        memory.forget_peak(self._popen.pid)
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError):
            self._popen.stdin.close()
        return self._wait(start, whole_output=True)

    def bye(self) -> str | None:
        """End a client politely; return what was wrong with its end, or None."""
        try:
            assert self._popen.stdin is not None
            self._popen.stdin.write(b'{"do": "bye"}\n')
            self._popen.stdin.close()
            status = self._popen.wait(timeout=self.bounds.seconds)
        except (OSError, subprocess.TimeoutExpired):
            self.stop()
            return "The client does not end when it is told goodbye."
        self.stop()
        return None if status == 0 else f"The client ends with exit status {status}."

    def stop(self) -> None:
        """End the client and everything that it has started."""
        for _ in range(20):
            mine = [
                child
                for child in psutil.Process().children(recursive=True)
                if child.pid not in self._before
            ]
            if self._popen.poll() is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._popen.pid, signal.SIGKILL)
            if not mine:
                break
            for child in mine:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(mine, timeout=1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=5)
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._selector.close()
        self._open = False

    @property
    def alive(self) -> bool:
        """Whether the client can be asked again."""
        return self._open and self._popen.poll() is None

    def _wait(self, start: float, *, whole_output: bool) -> Reply:
        """Collect output until there is an answer, an end, or trouble."""
        received = bytearray(self._pending)
        self._pending = b""
        peak = 0
        looked = start
        while True:
            if not whole_output and b"\n" in received:
                line, _, rest = received.partition(b"\n")
                self._pending = bytes(rest)
                return self._parse(bytes(line), start, max(peak, memory.peak(self._popen.pid)))
            now = time.monotonic()
            if now - looked > TICK:
                # To look takes milliseconds, so quick answers are not looked at.
                looked, peak = now, max(peak, memory.resident(self._popen.pid))
            if peak > self.bounds.memory:
                used = f"The client uses {peak // MIB} MiB of memory."
                return self._trouble("memory", used, start, peak)
            if now - start > self.bounds.seconds:
                late = f"There is no answer after {self.bounds.seconds:g} seconds."
                return self._trouble("hang", late, start, peak)
            if len(received) > self.bounds.output:
                much = f"There are more than {self.bounds.output // MIB} MiB of output."
                return self._trouble("flood", much, start, peak)
            if not self._read(received):
                break
        try:
            status = self._popen.wait(timeout=max(0.0, self.bounds.seconds - (now - start)))
        except subprocess.TimeoutExpired:
            return self._trouble("hang", "The client closes its output and goes on.", start, peak)
        if whole_output:
            seconds = time.monotonic() - start
            answer = _object(bytes(received)) or {}
            self.stop()
            return Reply(answer, None, "", seconds, peak, status)
        ended = f"The client ends with exit status {status} instead of an answer."
        return self._trouble("crash", ended, start, peak)

    def _read(self, received: bytearray) -> bool:
        """Read what there is; return whether the client may say more."""
        events = self._selector.select(TICK)
        if not events and self._popen.poll() is not None:
            # What it wrote before it ended, perhaps after the last look, is there by now. An end
            # may never come: something that it has started may hold its output open.
            events = self._selector.select(0)
            if not events:
                return False
        for key, _ in events:
            octets = os.read(key.fd, 2**20)
            if not octets:
                self._selector.unregister(key.fileobj)
            elif key.data == "err":
                self.errors = (self.errors + octets)[-STDERR_KEPT:]
            else:
                received += octets
        return any(key.data == "out" for key in self._selector.get_map().values())

    def _parse(self, line: bytes, start: float, peak: int) -> Reply:
        answer = _object(line)
        if answer is None:
            return self._trouble("garbage", "The answer is not one JSON object.", start, peak)
        return Reply(answer, None, "", time.monotonic() - start, peak)

    def _trouble(self, kind: Trouble, detail: str, start: float, peak: int) -> Reply:
        seconds = time.monotonic() - start
        self.stop()
        said = self.errors.decode("utf-8", "replace").strip().splitlines()
        if said:
            detail += f" It said last: {said[-1][:200]}"
        return Reply(None, kind, detail, seconds, peak, self._popen.returncode)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
