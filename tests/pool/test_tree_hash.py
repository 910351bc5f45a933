"""Tree hashes by several processes are those of one, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plada_ref.errors import PipelineError
from plada_ref.pool import known_ids, tree_hash
from pladafmt import subtree
from pladafmt.merkle import CODES_LEAF, POOL_LEAF, TreeHasher

from ..processes import children, runs, wait_for

_ROOT = Path(__file__).parents[2]
SLICE = 64


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Two processes for any number of leaves; those that were started are noted."""
    noted: list[Any] = []
    start = tree_hash._started

    def noting(number: int, tree: TreeHasher, stack: ExitStack) -> list[Any]:
        found = start(number, tree, stack)
        noted.extend(found)
        return found

    monkeypatch.setattr(tree_hash, "_started", noting)
    monkeypatch.setattr(tree_hash, "default_workers", lambda: 2)
    monkeypatch.setattr(tree_hash, "MANY", 0)
    monkeypatch.setattr(tree_hash, "SLICE", SLICE)
    return noted


def _leaves(count: int, width: int = 32) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, width), dtype=np.uint8)


def _alone(leaves: np.ndarray, prefix: bytes = POOL_LEAF) -> bytes:
    """The tree hash by one leaf after the other."""
    tree = TreeHasher(prefix, leaves.shape[1])
    for row in leaves:
        tree.append(bytes(row))
    return tree.root()


class _InThisProcess:
    """Hashes subtrees as a process does."""

    def __init__(self, tree: TreeHasher) -> None:
        self.tree = tree

    def root(self, rows: bytes) -> bytes:
        assert len(rows) == tree_hash.SLICE * self.tree.width
        return subtree.complete(rows, self.tree.prefix, self.tree.width)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.one_of(st.integers(0, 150), st.sampled_from([7, 8, 9, 63, 64, 65, 127, 128, 129])),
    st.lists(st.integers(0, 150), max_size=6),
    st.sampled_from([1, 2, 8, 64]),
    st.integers(1, 40),
)
def test_any_number_in_any_pieces(count: int, cuts: list[int], leaves: int, width: int) -> None:
    """Slices and pieces begin and end at the same leaves, or at others, and there may be none."""
    rows = _leaves(count, width)
    tree = TreeHasher(CODES_LEAF, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_hash, "SLICE", leaves)
        processes: Any = [_InThisProcess(tree), _InThisProcess(tree)]
        tree_hash._share_out(
            tree, np.split(rows, sorted(min(cut, count) for cut in cuts)), processes
        )
    assert (tree.size, tree.root()) == (count, _alone(rows, CODES_LEAF))


@pytest.mark.parametrize("count", [0, 1, SLICE - 1, SLICE, 5 * SLICE, 9 * SLICE + 3])
def test_processes_hash_the_same(count: int, started: list[Any]) -> None:
    """They are programs without packages (`-S`), so none of them imports torch."""
    rows = _leaves(count)
    assert known_ids.pool_id(rows) == _alone(rows)
    assert len(started) == 2
    assert all(each._process.returncode is not None for each in started), "all have ended"
    signed = rows.view(np.int8)
    assert known_ids.codes_id(signed) == _alone(rows, CODES_LEAF)


def test_rows_of_another_width_are_refused(started: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"\(n, 32\)"):
        known_ids.pool_id(np.zeros((4, 64), np.uint8))
    assert all(each._process.returncode is not None for each in started)
    tree = TreeHasher()
    tree.append(bytes(32))
    for leaves in (2, 3, 0):
        with pytest.raises(ValueError, match="no complete subtree"):
            tree.append_subtree(bytes(32), leaves)


def test_where_no_process_helps_there_is_none(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _leaves(3 * SLICE)
    expected = _alone(rows)
    # Nothing there, nothing that runs, and what ends before it is ready.
    for program in (None, "", str(Path(__file__).parent), "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        assert known_ids.pool_id(rows) == expected
    monkeypatch.undo()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not tree_hash._started(2, TreeHasher(), ExitStack()), "it would start itself"
    monkeypatch.setattr(tree_hash, "default_workers", lambda: 1)
    monkeypatch.setattr(tree_hash, "MANY", 0)
    assert known_ids.pool_id(rows) == expected
    assert not started


def test_a_killed_process_is_said(started: list[Any]) -> None:
    def pieces() -> Iterator[np.ndarray]:
        yield _leaves(SLICE)
        started[1].kill()
        for _ in range(20):
            yield _leaves(SLICE)

    with pytest.raises(PipelineError, match=r"was killed.* again"):
        tree_hash.hash_leaves(TreeHasher(), pieces(), 21 * SLICE)
    assert all(each._process.returncode is not None for each in started)


@pytest.mark.skipif(sys.platform == "win32", reason="no process can be stopped there")
def test_an_interruption_waits_for_nobody(started: list[Any]) -> None:
    def pieces() -> Iterator[np.ndarray]:
        for each in started:
            os.kill(each._process.pid, signal.SIGSTOP)
        yield _leaves(2 * SLICE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tree_hash.hash_leaves(TreeHasher(), pieces(), 2 * SLICE)
    assert all(each._process.returncode is not None for each in started)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_nothing_is_left_behind(by: signal.Signals) -> None:
    """Ctrl-C goes to all processes of a terminal; a process that is killed can end no other."""
    command = [sys.executable, "-c", f"import {__name__} as test; test.hash_for_ever()"]
    with subprocess.Popen(
        command,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
        # What a script has put into the background ignores it, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "begun\n"
            workers = wait_for(lambda: children(parent.pid), 2)
            (os.killpg if by == signal.SIGINT else os.kill)(parent.pid, by)
            said = parent.communicate(timeout=60)[0]
        finally:
            parent.kill()  # Or a failure would wait for it.
    assert (said == "interrupted\n") == (by == signal.SIGINT)
    wait_for(lambda: list(filter(runs, workers)), 0)


def hash_for_ever() -> None:
    """Two processes, and leaves that do not end."""

    def pieces() -> Iterator[np.ndarray]:
        rows = _leaves(tree_hash.SLICE)
        yield rows
        print("begun", flush=True)
        while True:
            yield rows

    pytest.MonkeyPatch().setattr(tree_hash, "default_workers", lambda: 2)
    try:
        tree_hash.hash_leaves(TreeHasher(), pieces(), tree_hash.MANY)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
