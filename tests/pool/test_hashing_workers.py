"""Shards that several processes read make the same index, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plada_ref.errors import PipelineError
from plada_ref.pool import hashing, open_source
from plada_ref.pool.hashing import hash_images, hash_to_parts
from plada_ref.pool.processes import in_processes
from plada_ref.pool.shard import Entry, Remarks, Shard

from ..processes import children, runs, wait_for

_ROOT = Path(__file__).parents[2]


def _shards(folder: Path, make_tar: Any, count: int) -> list[str]:
    return [
        str(
            make_tar(
                folder / f"{shard}.tar",
                {f"{i:03d}/{shard}.png": bytes([shard, i]) * 3000 for i in range(40)},
            )
        )
        for shard in range(count)
    ]


def test_workers_change_nothing(tmp_path: Path, make_tar: Any) -> None:
    source = open_source(_shards(tmp_path, make_tar, 7))
    reported: list[int] = []
    one = hash_images(source)
    three = hash_images(source, workers=3, on_progress=reported.append)
    assert one.keys.equals(three.keys)
    assert np.array_equal(one.digests, three.digests)
    assert np.array_equal(one.sizes, three.sizes)
    assert sum(reported) == source.size()


def test_others_help_once_there_is_much_to_read(
    tmp_path: Path, make_tar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two shards are read here, and the rest by two processes."""
    source = open_source(_shards(tmp_path, make_tar, 7))
    alone = hash_images(source, workers=1)
    sizes = [shard.size for shard in source.shards()]
    shared_out: list[int] = []

    def noted(shards: Any, work: Any, workers: int, on_progress: Any) -> Any:
        given = list(shards)
        shared_out.append(len(given))
        return in_processes(given, work, workers, on_progress)

    monkeypatch.setattr(hashing, "in_processes", noted)
    monkeypatch.setattr(hashing, "_SMALL", sum(sizes[:2]))
    monkeypatch.setattr(hashing, "default_workers", lambda: 2)
    reported: list[int] = []
    found = hash_images(source, on_progress=reported.append)
    assert shared_out == [5] and sum(reported) == sum(sizes)
    assert found.keys.equals(alone.keys) and np.array_equal(found.digests, alone.digests)
    monkeypatch.setattr(hashing, "default_workers", lambda: 1)
    hash_images(source)
    assert shared_out == [5]


def test_a_damaged_shard_ends_all_workers(tmp_path: Path, make_tar: Any) -> None:
    shards = _shards(tmp_path, make_tar, 20)
    data = Path(shards[1]).read_bytes()
    Path(shards[1]).write_bytes(data[: len(data) // 2])
    source, parts = open_source(shards), tmp_path / "parts"
    with pytest.raises(PipelineError, match=r"1\.tar"):
        hash_to_parts(source, parts, workers=2)
    done = len(list(parts.iterdir()))
    assert 1 <= done <= 9, "what was finished is kept, and the rest is not given out"
    make_tar(Path(shards[1]), {"again.png": b"1"})
    reported: list[int] = []
    again = hash_to_parts(source, parts, workers=2, on_progress=reported.append)
    assert sum(part.images for part in again.parts) == 761


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("killed", ["parent", "worker"])
@pytest.mark.slow
def test_nothing_is_left_behind(killed: str) -> None:
    """A parent that is killed takes its workers along; a killed worker ends the run."""
    command = [sys.executable, "-c", f"import {__name__} as test; test.wait_for_ever()"]
    with subprocess.Popen(command, cwd=_ROOT, stderr=subprocess.PIPE, text=True) as parent:
        workers = wait_for(lambda: children(parent.pid), 2)
        time.sleep(0.5)
        os.kill(parent.pid if killed == "parent" else workers[0], signal.SIGKILL)
        said = parent.communicate(timeout=60)[1]
    assert ("killed" in said and "goes on" in said) == (killed == "worker"), said
    wait_for(lambda: list(filter(runs, workers)), 0)


def wait_for_ever() -> None:
    """Two workers, each with a shard that does not end."""
    shards = [Shard(f"{i}.tar", "", 0, _nothing) for i in range(3)]
    try:
        list(in_processes(shards, _sleep, 2, None))
    except PipelineError as exc:
        sys.exit(str(exc))


def _nothing(_: Remarks) -> Iterator[Entry]:
    return iter(())


def _sleep(shard: Shard, report: Any) -> None:
    time.sleep(600)
