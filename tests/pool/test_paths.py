"""Paths that look like globs or URLs, and links."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from plada_ref.errors import Misuse, PipelineError
from plada_ref.pool import index_pool, open_source
from plada_ref.pool.hashing import hash_images

ODD = ["pool [2019]", "a*b", "what?", "[abc]", "x::y", "zip::z", "~", "50%", "a#b", "new\nline"]


@pytest.mark.parametrize("name", ODD)
def test_odd_folders(
    tmp_path: Path, make_folder: Any, make_tar: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {"c/a.png": b"a", "c/b [1].png": b"b"}
    place = tmp_path / name
    make_folder(place / "images", images)
    make_tar(place / "one.tar", images)
    for spec in ("images", "one.tar", "*.tar", "o?e.tar", "[o]ne.tar", "im*"):
        source = open_source([f"{place}/{spec}"])
        assert dict(source.scan()) == images, spec
        assert source.read("c/a.png") == b"a"
        monkeypatch.chdir(place)
        for relative in (spec, f"./{spec}", f"../{name}/{spec}"):
            assert dict(open_source([relative]).scan()) == images, relative
        monkeypatch.chdir(tmp_path)
        if name != "~":  # Which is the home.
            assert dict(open_source([f"{name}/{spec}"]).scan()) == images
    with pytest.raises(Misuse, match="nothing at"):
        open_source([f"{place}/two.tar"])
    with pytest.raises(Misuse, match="nothing at"):
        open_source([f"{place}/*.zip"])


def test_globs(tmp_path: Path, make_tar: Any) -> None:
    for name in ("a1.tar", "a2.tar", "b/c1.tar", ".hidden.tar", "[x].tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        make_tar(tmp_path / name, {f"k{name}.png": b"1"})
    for pattern, found in {
        "a*.tar": ["a1.tar", "a2.tar"],
        "a[2-9].tar": ["a2.tar"],
        "**/c*.tar": ["b/c1.tar"],
        "*/*.tar": ["b/c1.tar"],
        "[x].tar": ["[x].tar"],
    }.items():
        assert list(open_source([f"{tmp_path}/{pattern}"]).scan()) == [
            (f"k{name}.png", b"1") for name in found
        ]
    assert len(list(open_source([f"{tmp_path}/*.tar"]).scan())) == 4


def test_a_relative_path_is_of_its_working_directory(
    tmp_path: Path, make_folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        make_folder(tmp_path / name / "images", {f"{name}.png": b"1"})
        monkeypatch.chdir(tmp_path / name)
        source = open_source(["images"])
        monkeypatch.chdir("/")
        assert dict(source.scan()) == {f"{name}.png": b"1"}


def test_links_are_not_part_of_a_pool(tmp_path: Path, make_folder: Any) -> None:
    """The digest of a file elsewhere would be published, and its size (section 12.3)."""
    make_folder(tmp_path / "outside", {"secret.png": b"secret", "more/d.png": b"d"})
    folder = make_folder(tmp_path / "pool", {"a.png": b"a", "sub/b.png": b"b"})
    (folder / "file.png").symlink_to("../outside/secret.png")
    (folder / "inside.png").symlink_to("a.png")
    (folder / "nowhere.png").symlink_to("nothing")
    (folder / "notes.txt").symlink_to("a.png")
    (folder / "sub/folder").symlink_to(tmp_path / "outside/more")
    os.link(folder / "a.png", folder / "hard.png")  # A second name, and a file like the first.
    source = open_source([str(folder)])
    found = hash_images(source)
    assert found.keys.to_pylist() == ["a.png", "hard.png", "sub/b.png"]
    assert found.skipped == {"link": 4, "linked-folder": 1}
    for key in ("file.png", "inside.png", "nowhere.png", "sub/folder/d.png", "a.png/x.png"):
        assert key not in source
        with pytest.raises(KeyError):
            source.read(key)
    assert source.read("sub/b.png") == b"b"


def test_what_is_named_may_be_a_link(tmp_path: Path, make_folder: Any, make_tar: Any) -> None:
    make_folder(tmp_path / "really", {"c/a.png": b"a"})
    make_tar(tmp_path / "really.tar", {"c/b.png": b"b"})
    for name in ("really", "really.tar"):
        (tmp_path / name.replace("really", "link")).symlink_to(name)
    (tmp_path / "above").symlink_to(tmp_path)
    for specs in (["link", "link.tar"], ["above/really", "above/link.tar"]):
        source = open_source([str(tmp_path / spec) for spec in specs])
        assert dict(source.scan()) == {"c/a.png": b"a", "c/b.png": b"b"}
        assert source.read("c/a.png") + source.read("c/b.png") == b"ab"


def test_links_in_a_zip_file(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "pool.zip", "w") as archive:
        archive.writestr("a.png", b"a")
        archive.writestr(link, "/etc/passwd")
    source = open_source([f"zip://::{tmp_path}/pool.zip"])
    found = hash_images(source)
    assert (found.keys.to_pylist(), found.skipped) == (["a.png"], {"link": 1})
    assert "link.png" not in source


def test_only_links(tmp_path: Path) -> None:
    """As in the cache of Hugging Face's hub: the message says what to do."""
    (tmp_path / "blob").write_bytes(b"x")
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/a.png").symlink_to(tmp_path / "blob")
    with pytest.raises(PipelineError, match=r"1 link\).*copy the images themselves, with cp -rL"):
        index_pool(open_source([str(tmp_path / "pool")]), tmp_path / "pool.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_names_on_a_terminal_of_another_encoding(
    tmp_path: Path, make_folder: Any, encoding: str
) -> None:
    folder = make_folder(tmp_path / "pool", {"\u65e5\u672c.png": b"1", "\xfc.png": b"2"})

    def plada(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "plada_ref", "pool", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )

    assert plada("index", "pool", "-o", "pool.parquet").returncode == 0
    for file in folder.iterdir():
        file.unlink()
    (folder / "other.png").write_bytes(b"3")
    ran = plada("verify", "pool.parquet", "pool")
    assert ran.returncode == 1
    shown = ran.stdout.decode(encoding)
    assert "checked 2 of 2 images: 0 changed, 2 missing, 1 extra" in shown
    assert ("\u65e5\u672c.png" if encoding == "utf-8" else "\\u65e5\\u672c.png") in shown
    assert ("\xfc.png" if encoding != "ascii" else "\\xfc.png") in shown
