"""A pool of which only some images are known is read like the whole one."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plada_ref.errors import PipelineError
from plada_ref.pool import (
    ChangedImage,
    DiskPool,
    Manifest,
    ManifestFile,
    MemoryPool,
    MissingImage,
    index_pool,
    offsets,
    open_source,
)
from plada_ref.pool import parquet as parquet_shards

from .test_sources import parquet

KINDS = ("folder", "shards in order", "shards that overlap", "parquet", "several")


def stored_as(kind: str, folder: Path, images: dict[str, bytes], make: Any) -> list[str]:
    make_tar, make_folder = make
    items = sorted(images.items())
    if kind == "folder":
        return [str(make_folder(folder / "images", images))]
    if kind == "shards in order":
        for n in range(4):
            make_tar(folder / f"{n}.tar", dict(items[8 * n : 8 * n + 8][::-1]))
        return [str(folder / "*.tar")]
    if kind == "shards that overlap":
        return [str(make_tar(folder / f"{n}.tar", dict(items[n::4]))) for n in range(4)]
    if kind == "parquet":
        return [str(parquet(folder / f"{n}.parquet", dict(items[n::2]))) for n in range(2)]
    return [
        str(make_folder(folder / "images", dict(items[:11]))),
        str(make_tar(folder / "a.tar", dict(items[11:19]))),
        str(parquet(folder / "b.parquet", dict(items[19:]))),
    ]


@pytest.fixture(params=KINDS, scope="module")
def stored(
    request: Any, tmp_path_factory: Any, make_tar: Any, make_folder: Any, images: dict[str, bytes]
) -> tuple[DiskPool, list[bytes]]:
    folder = tmp_path_factory.mktemp("stored")
    specs = stored_as(request.param, folder, images, (make_tar, make_folder))
    index_pool(open_source(specs), folder / "manifest")
    pool = DiskPool(ManifestFile(folder / "manifest"), open_source(specs))
    return pool, [images[key] for key in sorted(images)]


@settings(deadline=None, max_examples=30)
@given(positions=st.sets(st.integers(0, 29)).map(sorted), data=st.data())
def test_some_images(
    stored: tuple[DiskPool, list[bytes]], positions: list[int], data: st.DataObject
) -> None:
    pool, expected = stored
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offsets, "_ROWS_AT_A_TIME", data.draw(st.integers(1, 40)))
        some = pool.only(np.array(positions, np.uint64))
    if data.draw(st.booleans()):
        some = pickle.loads(pickle.dumps(some))
    assert (len(some), some.ref) == (30, pool.ref)
    assert [some.read(position) for position in positions] == [expected[n] for n in positions]
    for position in set(range(30)) - set(positions):
        with pytest.raises(IndexError):
            some.read(position)


def test_shards_that_hold_none_of_the_images_are_not_read_again(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = stored_as("shards in order", tmp_path, images, (make_tar, None))
    index_pool(open_source(specs), tmp_path / "manifest")
    pool = DiskPool(ManifestFile(tmp_path / "manifest"), open_source(specs))
    read: list[str] = []
    table_of = offsets._shard_table

    def spy(url: str, locate: Any) -> Any:
        read.append(Path(url).stem)
        return table_of(url, locate)

    monkeypatch.setattr(offsets, "_shard_table", spy)
    for positions, shards in (([0, 9], "0123"), ([7, 8], "01"), ([16, 23], "2"), ([], "")):
        read.clear()
        for position in positions:
            assert pool.only(positions).read(position)
        assert "".join(dict.fromkeys(read)) == shards
    pool.only(range(30)).read(29)


def test_parquet_shards_are_read_again_where_an_image_may_be(
    tmp_path: Path, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = sorted(images.items())
    for n in range(3):
        parquet(tmp_path / f"{n}.parquet", dict(items[10 * n :][:10][::-1]))
    specs = [str(tmp_path / "*.parquet")]
    index_pool(open_source(specs), tmp_path / "manifest")
    pool = DiskPool(ManifestFile(tmp_path / "manifest"), open_source(specs))
    read: list[str] = []
    keys_of = parquet_shards._keys

    def spy(url: str, *remarks: Any) -> Any:
        read.append(Path(url).stem)
        return keys_of(url, *remarks)

    monkeypatch.setattr(parquet_shards, "_keys", spy)
    for positions, shards in (([0], "012"), ([9, 10], "01"), ([0, 9], "0"), ([29], "2"), ([], "")):
        read.clear()
        some = pool.only(positions)
        assert [some.read(position) for position in positions] == [items[n][1] for n in positions]
        assert "".join(read) == shards
    # Keys of shard and row are outside of the range of paths.
    source = pool.source.only(pa.array(["1/000000003"], pa.large_string()))
    assert source.read("1/000000003") == items[16][1]


def test_faults_are_those_of_the_whole_pool(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes]
) -> None:
    items = sorted(images.items())
    shards = [make_tar(tmp_path / f"{n}.tar", dict(items[15 * n :][:15])) for n in range(2)]
    index_pool(open_source(list(map(str, shards))), tmp_path / "manifest")

    def pool() -> DiskPool:
        return DiskPool(ManifestFile(tmp_path / "manifest"), open_source(list(map(str, shards))))

    make_tar(shards[0], dict(items[1:15]) | {items[3][0]: b"other bytes"})
    some = pool().only([0, 3, 4])
    assert some.read(4) == items[4][1]
    with pytest.raises(MissingImage, match="at position 0 is not in the source"):
        some.read(0)
    with pytest.raises(ChangedImage, match="at position 3 has changed"):
        some.read(3)
    make_tar(shards[0], dict(items[:16]))  # The last of them is in the other shard as well.
    assert pool().only([14]).read(14) == items[14][1]
    with pytest.raises(PipelineError, match=r"is stored in .*0\.tar' and in .*1\.tar'"):
        pool().only([14, 15])
    shards[1].write_bytes(shards[1].read_bytes()[:1000])
    with pytest.raises(PipelineError, match=r"1\.tar"):
        pool().only([14])


def test_the_manifest_is_checked_at_the_first_use(
    tmp_path: Path, make_folder: Any, images: dict[str, bytes]
) -> None:
    root = str(make_folder(tmp_path / "images", images))
    good = Manifest.read(index_pool(open_source([root]), tmp_path / "good").manifest.path)
    keys = good.keys.to_pylist()
    keys[20:22] = keys[20:22][::-1]
    swapped = pa.array(keys, pa.large_string())
    Manifest(swapped, good.digests, good.sizes, good.pool, generations=(30,)).write(
        tmp_path / "bad"
    )
    pool = DiskPool(ManifestFile(tmp_path / "bad"), open_source([root]))
    for _ in range(2):
        with pytest.raises(PipelineError, match="key order"):
            pool.only([0])
    with pytest.raises(PipelineError, match="key order"):
        MemoryPool(Manifest.read(tmp_path / "bad"), open_source([root]))
