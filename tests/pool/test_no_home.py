"""A user without a home folder, as in a container: commands work, and keep nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plada_ref.pool import known_ids
from plada_ref.pool.offsets import Member, _shard_table
from plada_ref.storage.cache import cache_folder


def test_without_a_home_folder_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("PLADA_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(known_ids, "FEW", 1)
    digests = np.arange(64, dtype=np.uint8).reshape(2, 32)
    assert known_ids.pool_id(digests) == known_ids.pool_id(digests)
    shard = tmp_path / "a.tar"
    shard.write_bytes(b"")
    for _ in range(2):
        assert len(_shard_table(str(shard), lambda url: [Member("a.png", 0, 1)])) == 1
    assert not cache_folder("shards").exists()
