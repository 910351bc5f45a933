"""One pool, one pool id: however and wherever its images are stored."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plada_ref.errors import PipelineError
from plada_ref.pool import Manifest, index_pool, open_pool, open_source
from plada_ref.pool.known_ids import pool_id

LONG = "x" * 80 + "/" + "y" * 40

IMAGES = {
    f"class-{number % 3}/{LONG * (number % 2)}{number}.png": random.Random(number).randbytes(
        400 + 70 * number
    )
    for number in range(30)
}
"""Names of more than 100 bytes among them, which each kind of tar stores in a way of its own."""

SHORT = {key.replace(LONG, ""): data for key, data in IMAGES.items()}
"""For v7, which has no room for the others."""


def _expected(images: Mapping[str, bytes]) -> bytes:
    ordered = sorted(images, key=str.encode)
    digests = b"".join(hashlib.sha256(images[key]).digest() for key in ordered)
    return pool_id(np.frombuffer(digests, np.uint8).reshape(-1, 32))


def _tarfile(form: int) -> Callable[[Path, Mapping[str, bytes]], None]:
    def write(path: Path, images: Mapping[str, bytes]) -> None:
        with tarfile.open(path, "w", format=form) as archive:
            for key, data in images.items():
                info = tarfile.TarInfo(key)
                info.size, info.mtime = len(data), 1.5
                archive.addfile(info, io.BytesIO(data))

    return write


def _gnu_tar(form: str) -> Callable[[Path, Mapping[str, bytes]], None]:
    def write(path: Path, images: Mapping[str, bytes]) -> None:
        folder = path.with_suffix(".folder")
        for key, data in images.items():
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(data)
        command = ["tar", "--create", f"--format={form}", "--file", str(path), "-C", str(folder)]
        subprocess.run([*command, "."], check=True)
        shutil.rmtree(folder)

    return write


def _webdataset(path: Path, images: Mapping[str, bytes]) -> None:
    webdataset = pytest.importorskip("webdataset")
    with webdataset.TarWriter(str(path), encoder=False) as writer:
        for key, data in images.items():
            writer.write({"__key__": key.removesuffix(".png"), "png": data, "cls": b"7"})


TARS = {
    "tarfile ustar": _tarfile(tarfile.USTAR_FORMAT),
    "tarfile gnu": _tarfile(tarfile.GNU_FORMAT),
    "tarfile pax": _tarfile(tarfile.PAX_FORMAT),
    "tar v7": _gnu_tar("v7"),
    "tar oldgnu": _gnu_tar("oldgnu"),
    "tar gnu": _gnu_tar("gnu"),
    "tar ustar": _gnu_tar("ustar"),
    "tar posix": _gnu_tar("posix"),
    "webdataset": _webdataset,
}


def _read(spec: str, manifest: Path, images: Mapping[str, bytes]) -> None:
    """Index a source, and read some of its images by position."""
    indexed = index_pool(open_source([spec]), manifest)
    assert indexed.manifest.pool.id == _expected(images)
    assert Manifest.read(manifest).keys.to_pylist() == sorted(images, key=str.encode)
    pool = open_pool(manifest, spec).only([3, 14, 29])
    for position in (3, 14, 29):
        assert pool.read(position) == images[sorted(images, key=str.encode)[position]]


@pytest.mark.parametrize("kind", TARS)
def test_tar(tmp_path: Path, kind: str) -> None:
    if kind.startswith("tar ") and shutil.which("tar") is None:
        pytest.skip("no tar program")
    images = SHORT if kind == "tar v7" else IMAGES
    TARS[kind](tmp_path / "pool.tar", images)
    _read(str(tmp_path / "pool.tar"), tmp_path / "pool.parquet", images)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, make_folder: Any, make_parquet: Any) -> Path:
    """The pool as a folder, tar and Parquet shards, and in zip files."""
    root = tmp_path_factory.mktemp("stored")
    make_folder(root / "folder", IMAGES)
    items = list(IMAGES.items())
    for number in range(2):
        _tarfile(tarfile.PAX_FORMAT)(root / f"shard-{number}.tar", dict(items[number::2]))
        make_parquet(root / f"rows-{number}.parquet", dict(items[number::2]))
    with zipfile.ZipFile(root / "loose.zip", "w") as archive:
        for key, data in items:
            archive.writestr(key, data)
    with zipfile.ZipFile(root / "shards.zip", "w") as archive:
        for number in range(2):
            archive.write(root / f"shard-{number}.tar", f"in/shard-{number}.tar")
            archive.write(root / f"rows-{number}.parquet", f"in/rows-{number}.parquet")
    _tarfile(tarfile.PAX_FORMAT)(root / "all.tar", IMAGES)
    make_parquet(root / "all.parquet", IMAGES)
    return root


@pytest.mark.parametrize(
    "spec",
    [
        "{root}/folder",
        "{root}/shard-*.tar",
        "{root}/rows-*.parquet",
        "file://{root}/shard-*.tar",
        "zip://::{root}/loose.zip",
        "zip://in/*.tar::{root}/shards.zip",
        "zip://in/*.parquet::{root}/shards.zip",
    ],
)
def test_stores(tmp_path: Path, stored: Path, spec: str) -> None:
    _read(spec.format(root=stored), tmp_path / "pool.parquet", IMAGES)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("name", ["folder/", "all.tar", "all.parquet"])
def test_web_servers(
    tmp_path: Path, stored: Path, serve: Callable[..., str], name: str, ranges: bool
) -> None:
    url = serve(stored, ranges=ranges)
    _read(f"{url}/{name}", tmp_path / "pool.parquet", IMAGES)


def test_a_zip_file_on_a_web_server(
    tmp_path: Path, stored: Path, serve: Callable[..., str]
) -> None:
    url = serve(stored, ranges=True)
    _read(f"zip://in/*.tar::{url}/shards.zip", tmp_path / "pool.parquet", IMAGES)


def test_names_on_a_web_server(tmp_path: Path, make_folder: Any, serve: Callable[..., str]) -> None:
    """They are parts of URLs there, where "%" begins an escape."""
    images = {"a b.png": b"1", "50%.png": b"2", "ä/%41.png": b"3", "a+b#c.png": b"4"}
    url = serve(make_folder(tmp_path / "images", images), ranges=False)
    assert dict(open_source([url]).scan()) == images
    assert {key: open_source([url]).read(key) for key in images} == images


def test_a_server_that_fails(tmp_path: Path, stored: Path, serve: Callable[..., str]) -> None:
    url = serve(stored, ranges=True)
    source = open_source([f"{url}/all.tar"])
    whole = (stored / "all.tar").read_bytes()
    try:
        (stored / "all.tar").unlink()
        with pytest.raises((PipelineError, OSError)):
            list(source.scan())
    finally:
        (stored / "all.tar").write_bytes(whole)
