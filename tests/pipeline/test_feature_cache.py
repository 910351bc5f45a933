"""Features on disk, and a disk that becomes full."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plada_ref.errors import PipelineError
from plada_ref.features import cache
from plada_ref.features.cache import CachedView


def test_rows_in_any_order(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    values = drawn.normal(size=(100, 7)).astype(np.float16)
    view = CachedView(tmp_path / "a", 100, 7)
    shuffled = drawn.permutation(100)
    for rows in (shuffled[:30], np.array([], np.int64), np.sort(shuffled[30:60])):
        view.put(rows, values[rows])
    assert view.missing(np.arange(100)).tolist() == sorted(shuffled[60:].tolist())
    for seen in (view, CachedView(tmp_path / "a", 100, 7)):
        assert (seen.get(shuffled[:60]) == values[shuffled[:60]]).all()
        assert not seen.all()[shuffled[60:]].any()
    assert os.stat(tmp_path / "a.f16").st_size == 100 * 7 * 2


@pytest.mark.parametrize("suffix", [".f16", ".crc"])
def test_a_damaged_row_is_missing(tmp_path: Path, suffix: str) -> None:
    rows, values = np.arange(6), np.random.default_rng(0).normal(size=(6, 5)).astype(np.float16)
    CachedView(tmp_path / "a", 6, 5).put(rows, values)
    file = (tmp_path / "a").with_suffix(suffix)
    whole = file.read_bytes()
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        view = CachedView(tmp_path / "a", 6, 5)
        assert view.missing(rows[::-1]).tolist() == [6 * bit // (8 * len(whole))]
    # A row in another one's place, as where a page of the disk is written to a wrong one.
    size = len(whole) // 6
    file.write_bytes(whole[size : 2 * size] + whole[:size] + whole[2 * size :])
    view = CachedView(tmp_path / "a", 6, 5)
    assert view.missing(rows).tolist() == [0, 1]
    view.put(rows[:2], values[:2])
    assert not view.missing(rows).size and (view.all() == values).all()


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a part of the bytes and then none; what was stored before stays."""
    values = np.arange(40, dtype=np.float16).reshape(10, 4)
    view = CachedView(tmp_path / "a", 10, 4)
    view.put(np.arange(3), values[:3])
    room = 20

    class FullDisk(io.FileIO):
        def write(self, data: Any) -> int:
            nonlocal room
            if not room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            taken = super().write(memoryview(data)[:room])
            room -= taken
            return taken

    monkeypatch.setattr(cache, "open", lambda path, *_, **__: FullDisk(path, "r+"), raising=False)
    with pytest.raises(PipelineError, match=r"a\.f16.*No space left on device.*make room"):
        view.put(np.arange(3, 10), values[3:])
    monkeypatch.undo()
    again = CachedView(tmp_path / "a", 10, 4)
    assert again.missing(np.arange(10)).tolist() == list(range(3, 10))
    assert (again.get(np.arange(3)) == values[:3]).all()
    again.put(np.arange(3, 10), values[3:])
    assert (again.all() == values).all()


@pytest.mark.slow
def test_a_file_system_without_room_for_so_large_a_file(tmp_path: Path) -> None:
    """In a process that may not write large files: an error where others were killed."""
    program = f"""
import numpy as np
from plada_ref.errors import PipelineError
from plada_ref.features.cache import CachedView
from pathlib import Path
try:
    CachedView(Path({str(tmp_path / "a")!r}), 10**6, 8)
except PipelineError as exc:
    print(exc)
"""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))

    ran = subprocess.run(
        [sys.executable, "-c", program], preexec_fn=limit, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert "a.f16" in ran.stdout and "File too large" in ran.stdout


def test_rows_are_not_read_through_the_memory_map(tmp_path: Path) -> None:
    """In a full tmpfs, that would end the process: the map is there for whoever reads them all."""
    view = CachedView(tmp_path / "a", 10, 4)
    view.put(np.arange(3), np.ones((3, 4), np.float16))
    view._values.values = np.full((10, 4), 7, np.float16)
    view._sums.values = np.full(10, 1, np.uint32)
    assert view.missing(np.arange(10)).tolist() == list(range(3, 10))
    assert view.get(np.array([2, 0])).tolist() == [[1] * 4] * 2
