"""Shards that are read at the same time make the same index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plada_ref.errors import PipelineError
from plada_ref.pool import open_source
from plada_ref.pool.hashing import hash_images


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


def test_threads_change_nothing(tmp_path: Path, make_tar: Any) -> None:
    source = open_source(_shards(tmp_path, make_tar, 7))
    told: list[int] = []
    one = hash_images(source)
    three = hash_images(source, threads=3, on_progress=told.append)
    assert one.keys.equals(three.keys)
    assert np.array_equal(one.digests, three.digests)
    assert np.array_equal(one.sizes, three.sizes)
    assert sum(told) == source.size()


def test_a_damaged_shard_ends_all_threads(tmp_path: Path, make_tar: Any) -> None:
    shards = _shards(tmp_path, make_tar, 9)
    data = Path(shards[1]).read_bytes()
    Path(shards[1]).write_bytes(data[: len(data) // 2])
    source, parts = open_source(shards), tmp_path / "parts"
    with pytest.raises(PipelineError, match=r"1\.tar"):
        hash_images(source, parts=parts, threads=2)
    done = len(list(parts.iterdir()))
    assert 1 <= done < 8, "what was finished is kept, and the rest is not begun"
    make_tar(Path(shards[1]), {"again.png": b"1"})
    told: list[int] = []
    assert len(hash_images(source, parts=parts, threads=2, on_progress=told.append).keys) == 321
