"""The client's pool: every image verified, and payloads of other pools refused."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import pytest

from plada_ref.pool import (
    ChangedImage,
    Manifest,
    MemoryPool,
    MissingImage,
    UnreadableImage,
    index_pool,
    open_source,
)
from pladafmt import PoolRef
from pladafmt.errors import Mismatch


@pytest.fixture
def shards(tmp_path: Path, make_tar: Any, images: dict[str, bytes]) -> list[str]:
    items = list(images.items())
    return [str(make_tar(tmp_path / f"{n}.tar", dict(items[n::3]))) for n in range(3)]


@pytest.fixture
def pool(tmp_path: Path, shards: list[str]) -> MemoryPool:
    source = open_source(shards)
    index_pool(source, tmp_path / "pool.parquet")
    return MemoryPool(Manifest.read(tmp_path / "pool.parquet"), source)


def test_images_by_position(pool: MemoryPool, images: dict[str, bytes]) -> None:
    keys = sorted(images)
    assert len(pool) == pool.ref.size == len(images)
    assert [pool.read(position) for position in range(len(pool))] == [images[key] for key in keys]
    number = int(Path(keys[4]).stem)
    image = pool.open_image(4)
    assert image.mode == "RGB"
    assert image.getpixel((3, 3)) == (number * 8, 255 - number * 8, number)
    for position in (-1, len(pool)):
        with pytest.raises(IndexError):
            pool.read(position)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes(pool: MemoryPool, images: dict[str, bytes], method: str) -> None:
    pool.read(0)
    with multiprocessing.get_context(method).Pool(2) as workers:
        read = workers.map(pool.read, range(len(pool)))
        assert read == [images[key] for key in sorted(images)]
        with pytest.raises(IndexError):
            workers.apply(pool.read, (99,))


def test_a_changed_byte_is_found_at_load(
    pool: MemoryPool, shards: list[str], images: dict[str, bytes]
) -> None:
    key = sorted(images)[7]
    assert pool.read(7) == images[key]
    for shard in shards:
        data = Path(shard).read_bytes()
        Path(shard).write_bytes(data.replace(images[key], images[key][:-1] + b"!"))
    with pytest.raises(ChangedImage, match="position 7 has changed") as caught:
        pool.open_image(7)
    error = caught.value
    assert (error.key, error.position) == (key, 7)
    assert error.expected == pool.manifest.digest(7)
    assert error.found.hex() in str(error)
    assert error.expected.hex() in str(error)
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
    assert isinstance(type(error)(str(error)), ChangedImage)  # How a DataLoader raises it again.


def test_missing_and_undecodable_images(
    tmp_path: Path, make_folder: Any, images: dict[str, bytes]
) -> None:
    stored = dict(images) | {"a.png": b"no image at all"}
    root = make_folder(tmp_path / "images", stored)
    source = open_source([str(root)])
    manifest = Manifest.read(index_pool(source, tmp_path / "pool.parquet").manifest.path)
    pool = MemoryPool(manifest, source)
    assert pool.read(0) == b"no image at all"
    with pytest.raises(UnreadableImage, match=r"'a\.png' at position 0"):
        pool.open_image(0)
    (root / "a.png").unlink()
    with pytest.raises(MissingImage, match=r"'a\.png' at position 0 is not in the source"):
        pool.read(0)


def test_which_payloads_a_pool_serves(pool: MemoryPool) -> None:
    pool.serve(pool.ref)
    for size in (0, 1, 20):
        pool.serve(PoolRef(pool.manifest.prefix_id(size), size))
    refused = [
        PoolRef(pool.ref.id, len(pool) - 1),
        PoolRef(pool.ref.id, len(pool) + 1),
        PoolRef(bytes(32), len(pool)),
        PoolRef(pool.manifest.prefix_id(20), 21),
    ]
    for ref in refused:
        with pytest.raises(Mismatch) as caught:
            pool.serve(ref)
        assert caught.value.code == "pool-mismatch"
        for word in (ref.id.hex(), pool.ref.id.hex(), str(ref.size), str(len(pool))):
            assert word in caught.value.problem


def test_real_photographs(tmp_path: Path, real_pool: str) -> None:
    source = open_source([real_pool])
    manifest, _, skipped = index_pool(source, tmp_path / "pool.parquet")
    assert len(manifest) >= 50_000
    assert not skipped
    pool = MemoryPool(Manifest.read(tmp_path / "pool.parquet"), source)
    pool.serve(PoolRef(manifest.prefix_id(len(pool) // 2), len(pool) // 2))
    for position in range(0, len(pool), len(pool) // 50):
        assert min(pool.open_image(position).size) >= 32
