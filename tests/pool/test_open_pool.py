"""Opening a pool by paths, on disk or in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plada_ref.errors import Misuse, PipelineError
from plada_ref.pool import DiskPool, MemoryPool, index_pool, open_pool, open_source


@pytest.fixture
def manifest(tmp_path: Path, make_tar: Any, images: dict[str, bytes]) -> Path:
    items = list(images.items())
    for number in range(3):
        make_tar(tmp_path / f"{number}.tar", dict(items[number::3]))
    index_pool(open_source([str(tmp_path / "*.tar")]), tmp_path / "pool.parquet")
    return tmp_path / "pool.parquet"


def test_both_kinds_have_the_same_images(manifest: Path, images: dict[str, bytes]) -> None:
    keys = sorted(images)
    shards = sorted(manifest.parent.glob("*.tar"))
    on_disk = open_pool(manifest, manifest.parent / "*.tar")
    in_memory = open_pool(str(manifest), *shards, in_memory=True)
    assert isinstance(on_disk, DiskPool) and isinstance(in_memory, MemoryPool)
    assert len(on_disk) == len(in_memory) == len(images) and on_disk.ref == in_memory.ref
    for pool in (on_disk, in_memory):
        some = pool.only([2, 29])
        assert [some.read(position) for position in (2, 29)] == [images[keys[n]] for n in (2, 29)]


@pytest.mark.parametrize("in_memory", [False, True])
def test_what_cannot_be_opened(manifest: Path, in_memory: bool) -> None:
    shards = manifest.parent / "*.tar"
    with pytest.raises(Misuse, match="Nothing says where the images of"):
        open_pool(manifest, in_memory=in_memory)
    with pytest.raises(Misuse, match="nothing at"):
        open_pool(manifest, manifest.parent / "*.zip", in_memory=in_memory)
    with pytest.raises(PipelineError, match="no manifest at"):
        open_pool(manifest.with_name("other.parquet"), shards, in_memory=in_memory)
