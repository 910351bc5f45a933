"""The tree hash of many leaves by several processes, each of which hashes whole subtrees.

A thread would have to wait for its turn: Python lets no other run while it hashes a few bytes. The
processes are plain programs (`pladafmt.subtree`) and no copies of this one, which may have torch
and threads.
"""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from pladafmt import subtree
from pladafmt.merkle import TreeHasher

from ..compute.workers import default_workers
from ..errors import PipelineError

MANY = 1 << 18
"""Leaves from which processes are worth starting: one alone takes a third of a second for them."""

SLICE = 1 << 12
"""Leaves of a subtree that is handed to a process; a power of two. Those of a pool take 5 ms."""

_AHEAD = 4
"""Subtrees for each process that are handed out before the first root is awaited."""

Leaves = npt.NDArray[Any]


def hash_leaves(tree: TreeHasher, pieces: Iterable[Leaves], count: int) -> None:
    """Append leaves to a tree that has none, in one process for each core if they are many.

    Args:
        tree: the tree.
        pieces: its leaves in order, some at a time, as `TreeHasher.extend` takes them.
        count: how many they are, about.

    Raises:
        PipelineError: if a process is killed meanwhile.
        ValueError: as `TreeHasher.extend` does.
    """
    with ExitStack() as stack:
        processes = _started(default_workers(), tree, stack) if count >= MANY else []
        if processes:
            _share_out(tree, pieces, processes)
        else:
            for piece in pieces:
                tree.extend(piece)


def _share_out(tree: TreeHasher, pieces: Iterable[Leaves], processes: list[_Process]) -> None:
    idle: SimpleQueue[_Process] = SimpleQueue()
    for process in processes:
        idle.put(process)

    def root(rows: bytes) -> bytes:
        process = idle.get()  # There are as many as threads.
        try:
            return process.root(rows)
        finally:
            idle.put(process)

    under_way: deque[Future[bytes]] = deque()
    threads = ThreadPoolExecutor(len(processes))
    try:
        for rows in _slices(tree, pieces):
            if len(rows) < SLICE * tree.width:  # They are the last ones.
                _append(tree, under_way, 0)
                tree.extend(np.frombuffer(rows, np.uint8).reshape(-1, tree.width))
                return
            under_way.append(threads.submit(root, rows))
            _append(tree, under_way, _AHEAD * len(processes))
        _append(tree, under_way, 0)
    except BaseException:
        for process in processes:
            process.kill()  # Or a thread might wait for it.
        raise
    finally:
        threads.shutdown(cancel_futures=True)


def _append(tree: TreeHasher, under_way: deque[Future[bytes]], left: int) -> None:
    """Append the first of the roots that are under way, so that so many are left."""
    while len(under_way) > left:
        tree.append_subtree(under_way.popleft().result(), SLICE)


def _slices(tree: TreeHasher, pieces: Iterable[Leaves]) -> Iterator[bytes]:
    """Yield the bytes of `SLICE` leaves at a time, and then those that are left."""
    size = SLICE * tree.width
    waiting = bytearray()
    for piece in pieces:
        tree.check(piece)
        first = 0
        while first < len(piece):
            # What a slice lacks; a piece may be a mapped file that does not fit into memory.
            stop = first + SLICE - len(waiting) // tree.width
            waiting += piece[first:stop].tobytes()
            first = stop
            if len(waiting) == size:
                yield bytes(waiting)
                waiting.clear()
    if waiting:
        yield bytes(waiting)


def _started(number: int, tree: TreeHasher, stack: ExitStack) -> list[_Process]:
    """Start processes that end with `stack`; none where that is not possible, or makes no sense."""
    # A program that was made of Python and its packages would start itself.
    if number < 2 or not sys.executable or getattr(sys, "frozen", False):
        return []
    try:
        processes = [stack.enter_context(_Process(tree)) for _ in range(number)]
        for process in processes:
            process.wait_until_ready()
    except OSError:
        stack.close()
        return []
    return processes


class _Process:
    """A process that hashes subtrees. It ends when this one does, even if this one is killed.

    Raises:
        OSError: if it cannot be started.
    """

    def __init__(self, tree: TreeHasher) -> None:
        # -I and -S: nothing of the user's, and no packages, which it does not need.
        command = [sys.executable, "-I", "-S", subtree.__file__]
        self._process = subprocess.Popen(
            [*command, tree.prefix.hex(), str(tree.width), str(SLICE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        with suppress(OSError), self._process:  # What it has not read is lost.
            pass

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def wait_until_ready(self) -> None:
        """Wait until it has started.

        Raises:
            OSError: if it ends before that.
        """
        assert self._process.stdout is not None
        if self._process.stdout.read(len(subtree.READY)) != subtree.READY:
            raise OSError("the process has ended")

    def root(self, rows: bytes) -> bytes:
        """Return the root of `SLICE` leaves.

        Raises:
            PipelineError: if it was killed.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(rows)
            self._process.stdin.flush()
            found = self._process.stdout.read(subtree.ROOT)
        except OSError:  # Its end of the pipe is closed.
            found = b""
        if len(found) != subtree.ROOT:
            raise PipelineError(
                "A process that computed the id of a pool or of its codes was killed, perhaps for "
                "lack of memory; run the same command again."
            )
        return found
