"""One pool, several ways of storing it; and stores that are damaged or hostile."""

from __future__ import annotations

import io
import pickle
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plada_ref.errors import Misuse, PipelineError
from plada_ref.pool import open_source
from plada_ref.pool.hashing import HashedImages, hash_images

NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "M", "N", "S", "Z", "Cf", "Co")), min_size=1
)
KEYS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".png")


def fits_a_disk(keys: Mapping[str, bytes]) -> bool:
    parts = [part for key in keys for part in key.split("/")]
    return all(len(part.encode()) < 200 for part in parts)


def same(one: HashedImages, other: HashedImages) -> bool:
    return bool(one.keys.equals(other.keys) and (one.digests == other.digests).all())


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.dictionaries(KEYS, st.binary(max_size=600), min_size=1).filter(fits_a_disk))
def test_a_folder_and_shards_of_the_same_images_are_one_pool(
    make_tar: Any, make_folder: Any, stored: dict[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = make_folder(Path(name) / "images", stored)
        items = list(stored.items())
        make_tar(Path(name) / "a.tar", dict(items[::2]))
        make_tar(Path(name) / "b.tar", dict(items[1::2]))
        shards = open_source([f"{name}/*.tar"])
        from_shards = hash_images(shards)
        assert same(from_shards, hash_images(open_source([str(folder)])))
        assert from_shards.keys.to_pylist() == sorted(stored, key=str.encode)
        assert {key: shards.read(key) for key in stored} == stored
        assert {key: open_source([str(folder)]).read(key) for key in stored} == stored


def parquet(path: Path, stored: Mapping[str, bytes | None], *, paths: bool = True) -> Path:
    rows = [{"bytes": data, "path": key if paths else None} for key, data in stored.items()]
    pq.write_table(
        pa.table({"label": pa.array([0] * len(rows)), "image": rows}), path, row_group_size=7
    )
    return path


def test_parquet_with_image_bytes(tmp_path: Path, make_folder: Any, images: Any) -> None:
    folder = make_folder(tmp_path / "images", images)
    items = list(images.items())
    one = parquet(tmp_path / "one.parquet", dict(items[:20]))
    two = parquet(tmp_path / "two.parquet", dict(items[20:]))
    source = open_source([str(one), str(two)])
    assert same(hash_images(source), hash_images(open_source([str(folder)])))
    assert {key: source.read(key) for key in images} == images
    unnamed = open_source([str(parquet(one, {"x.png": b"x", "y.png": None}, paths=False))])
    assert list(unnamed.scan()) == [("one/000000000", b"x")]
    with pytest.raises(KeyError):
        unnamed.read("one/000000001")
    pq.write_table(pa.table({"text": ["a"]}), one)
    with pytest.raises(PipelineError, match="no image column"):
        list(open_source([str(one)]).scan())
    one.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(PipelineError, match="not a readable Parquet file"):
        list(open_source([str(one)]).scan())


def test_urls(tmp_path: Path, make_tar: Any, images: Any) -> None:
    shard = make_tar(tmp_path / "pool.tar", images)
    with zipfile.ZipFile(tmp_path / "pool.zip", "w") as archive:
        archive.write(shard, "shards/pool.tar")
        for key, data in images.items():
            archive.writestr(f"loose/{key}", data)
    memory = fsspec.filesystem("memory")
    memory.pipe("/pool/pool.tar", shard.read_bytes())
    memory.pipe({f"/loose/{key}": data for key, data in images.items()})
    for spec in (
        f"file://{shard}",
        f"zip://shards/*.tar::{tmp_path}/pool.zip",
        f"zip://loose::file://{tmp_path}/pool.zip",
        "memory://pool/*.tar",
        "memory://loose",
    ):
        source = open_source([spec])
        assert dict(source.scan()) == images, spec
        again = pickle.loads(pickle.dumps(source))
        assert all(key in again and again.read(key) == data for key, data in images.items()), spec


def test_what_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    for spec, problem in (
        (str(tmp_path / "photo.jpg"), "not a source of images"),
        (str(tmp_path / "*.tar"), "nothing at"),
        ("nosuch://bucket/pool.tar", "cannot be opened"),
    ):
        with pytest.raises(Misuse, match=problem):
            open_source([spec])


def test_a_folder_of_shards_alone_says_how_they_are_named(
    tmp_path: Path, make_tar: Any, images: Any
) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    make_tar(folder / "pool-0.tar", images)
    (folder / "README").write_text("ten shards")
    # What a folder of images leaves out makes it none.
    (folder / ".cache").mkdir()
    (folder / "._photo.jpg").write_bytes(b"x")
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    for name in (folder, f"file://{folder}"):
        with pytest.raises(Misuse, match=r"without images.* give the shards .*: '.*/\*\.tar'$"):
            open_source([str(name)])
    assert all(key in open_source([f"{folder}/*.tar"]) for key in images)
    # Images in it, or in a folder in it, make it one of images, though a shard lies there.
    (folder / "more").mkdir()
    open_source([str(folder)])


def test_a_server_that_is_not_there() -> None:
    pytest.importorskip("aiohttp")
    with pytest.raises(Misuse, match=r"nothing at .*\(Cannot connect to host 127\.0\.0\.1:9"):
        open_source(["http://127.0.0.1:9/pool.tar"])


def test_progress_adds_up(tmp_path: Path, make_tar: Any, make_folder: Any, images: Any) -> None:
    shard = make_tar(tmp_path / "pool.tar", images)
    folder = make_folder(tmp_path / "images", {"other.gif": b"123"})
    source = open_source([str(shard), str(folder)])
    reported: list[int] = []
    assert len(list(source.scan(reported.append))) == len(images) + 1
    assert sum(reported) == source.size() == shard.stat().st_size + 3


def test_a_key_in_two_shards_names_both(tmp_path: Path, make_tar: Any) -> None:
    one = make_tar(tmp_path / "one.tar", {"a.png": b"1", "b.png": b"2"})
    two = make_tar(tmp_path / "two.tar", {"./b.png": b"3"})
    source = open_source([str(one), str(two)])
    problem = r"'b\.png' is stored in .*one\.tar' and in .*two\.tar'"
    with pytest.raises(PipelineError, match=problem):
        hash_images(source)
    with pytest.raises(PipelineError, match=problem):
        source.prepare()


def test_hostile_members_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "hostile.tar"
    with tarfile.open(path, "w") as archive:

        def add(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> None:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"data"))

        add("good.jpg")
        add("/etc/absolute.jpg")
        add("up/../../up.jpg")
        add("esc\x1b[2J.jpg")
        add("undecodable-\udcff.jpg")
        add("link.jpg", tarfile.SYMTYPE, "/etc/passwd")
        add("hard.jpg", tarfile.LNKTYPE, "good.jpg")
        add("device.jpg", tarfile.CHRTYPE)
        add("pipe.jpg", tarfile.FIFOTYPE)
        add("folder.jpg", tarfile.DIRTYPE)
        add("._good.jpg")
        add("good.json")
    before = sorted(tmp_path.iterdir())
    found = hash_images(open_source([str(path)]))
    assert found.keys.to_pylist() == ["good.jpg"]
    assert found.skipped == {"hidden": 1, "not-a-file": 4, "not-an-image": 1, "unsafe-name": 4}
    assert sorted(tmp_path.iterdir()) == before


def test_folders_in_a_shard_are_nothing_to_speak_of(tmp_path: Path, make_folder: Any) -> None:
    make_folder(tmp_path / "images", {"cat/1.png": b"1"})
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        archive.add(tmp_path / "images", arcname=".")
    found = hash_images(open_source([str(tmp_path / "shard.tar")]))
    assert (found.keys.to_pylist(), found.skipped) == (["cat/1.png"], {})


def test_a_shard_cut_anywhere_is_refused(tmp_path: Path, make_tar: Any) -> None:
    whole = make_tar(tmp_path / "whole.tar", {f"{n}.png": bytes(700) for n in range(3)})
    data = whole.read_bytes()
    end = 3 * (512 + 1024)
    cut = tmp_path / "cut.tar"
    for length in (0, 100, 512, 600, 1536, 1537, 2048, 3072, end - 1, end, end + 511, end + 512):
        cut.write_bytes(data[:length])
        with pytest.raises(PipelineError, match=r"cut\.tar"):
            list(open_source([str(cut)]).scan())
    cut.write_bytes(data[: end + 1024])
    assert len(list(open_source([str(cut)]).scan())) == 3


@pytest.mark.parametrize("kind", ["checksum", "huge", "negative", "gzip", "noise"])
def test_damaged_shards_are_refused(tmp_path: Path, make_tar: Any, kind: str) -> None:
    path = make_tar(tmp_path / "shard.tar", {"a.png": b"1", "b.png": b"2"})
    data = bytearray(path.read_bytes())
    if kind == "checksum":
        data[1024] ^= 1
    elif kind in ("huge", "negative"):
        # Sizes in base 256: 2^80 bytes, and -1024 bytes, which leads back to the first header.
        size = (1 << 80) if kind == "huge" else (1 << 96) - 1024
        info = bytearray(data[1024:1536])
        info[124:136] = (size | (0x80 if kind == "huge" else 0xFF) << 88).to_bytes(12, "big")[-12:]
        info[148:156] = b" " * 8
        info[148:156] = f"{sum(info):06o}\0 ".encode()
        data[1024:1536] = info
    elif kind == "gzip":
        data[:3] = b"\x1f\x8b\x08"
    else:
        data[:1024] = bytes(range(256)) * 4
    path.write_bytes(data)
    with pytest.raises(PipelineError, match="not a readable tar file"):
        list(open_source([str(path)]).scan())


def test_a_folder_gives_nothing_from_outside(tmp_path: Path, make_folder: Any) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = make_folder(
        tmp_path / "images", {"a.png": b"a", "notes.txt": b"", ".thumbs/a.png": b"t"}
    )
    (folder / "loop").symlink_to(folder)
    source = open_source([str(folder)])
    found = hash_images(source)
    assert found.keys.to_pylist() == ["a.png"]
    assert found.skipped == {"hidden": 1, "linked-folder": 1, "not-an-image": 1}
    for key in ("../secret.png", "./a.png", "notes.txt", ".thumbs/a.png", "a.png/"):
        assert key not in source
        with pytest.raises(KeyError):
            source.read(key)
