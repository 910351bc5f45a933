"""A shard that lost a part of its images never passes as whole."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from plada_ref.errors import PipelineError
from plada_ref.pool import index_pool, open_source
from plada_ref.pool.hashing import hash_images


def _images(count: int, size: int) -> dict[str, bytes]:
    return {f"{number:04d}.png": bytes([1 + number % 255]) * size for number in range(count)}


def _scan(path: Path) -> list[str]:
    return [key for key, _ in open_source([str(path)]).scan()]


def test_archives_behind_one_another(tmp_path: Path, make_tar: Any) -> None:
    one = make_tar(tmp_path / "one.tar", _images(5, 700)).read_bytes()
    two = make_tar(tmp_path / "two.tar", {"z.png": b"z"}).read_bytes()
    both = tmp_path / "both.tar"
    bare = one[: 5 * 1536]  # Without its end, as tar -A (--concatenate) joins them.
    for data in (one + two, one + bytes(512) + two, one[: 5 * 1536 + 1024] + two):
        both.write_bytes(data)
        with pytest.raises(PipelineError, match=r"something else follows.*keep each as a file"):
            _scan(both)
        with pytest.raises(PipelineError, match="something else follows"):
            open_source([str(both)]).prepare()
    both.write_bytes(bare + two)
    assert _scan(both) == [*_images(5, 700), "z.png"]


def test_a_download_into_a_file_of_the_final_size(tmp_path: Path, make_tar: Any) -> None:
    whole = make_tar(tmp_path / "whole.tar", _images(1000, 1100)).read_bytes()
    for part in (0, 1, 274_000, 420_000, 1_990_000, len(whole) - 30_000):
        (tmp_path / "part.tar").write_bytes(whole[:part].ljust(len(whole), b"\0"))
        with pytest.raises(PipelineError, match=r"part\.tar' is not a readable tar file"):
            _scan(tmp_path / "part.tar")


@pytest.mark.parametrize("size", [512, 4096])
def test_a_page_of_zeros(tmp_path: Path, make_tar: Any, size: int) -> None:
    """Wherever it lies, if it covers a header; on an image's bytes alone nobody can see it."""
    images = _images(40, 700)
    whole = make_tar(tmp_path / "whole.tar", images).read_bytes()
    damaged = tmp_path / "damaged.tar"
    for start in range(0, 40 * 1536, size):
        damaged.write_bytes(whole[:start] + bytes(size) + whole[start + size :])
        if any(start <= header < start + size for header in range(0, 40 * 1536, 1536)):
            with pytest.raises(PipelineError, match=r"damaged\.tar' is not a readable tar file"):
                _scan(damaged)
        else:
            assert _scan(damaged) == list(images)


def test_padding(tmp_path: Path, make_tar: Any) -> None:
    """Two blocks of zeros, and then up to a record, are an end; more is said; much more refused."""
    images = _images(3, 700)
    bare = make_tar(tmp_path / "whole.tar", images).read_bytes()[: 3 * 1536]
    path = tmp_path / "padded.tar"

    def warnings(zeros: int) -> list[str]:
        path.write_bytes(bare + bytes(zeros))
        told: list[str] = []
        found = index_pool(
            open_source([str(path)]), tmp_path / "pool.parquet", on_warning=told.append
        )
        assert len(found.manifest) == 3
        assert hash_images(open_source([str(path)])).warnings == told
        return told

    for zeros in (0, 512, 1023):
        path.write_bytes(bare + bytes(zeros))
        with pytest.raises(PipelineError, match=r"end-of-archive marker"):
            _scan(path)
    assert warnings(1024) == warnings(10_240) == warnings(1024 + 10_239) == []
    (said,) = warnings(1024 + 10_240)
    assert "11,264 zeros follow the last member" in said
    assert warnings(1 << 20)
    path.write_bytes(bare + bytes(1 << 21))
    with pytest.raises(PipelineError, match=rf"truncate -s {len(bare) + 1024} FILE"):
        _scan(path)
    subprocess.run(["truncate", "-s", str(len(bare) + 1024), str(path)], check=True)
    assert _scan(path) == list(images)


def test_a_warning_survives_an_interruption(tmp_path: Path, make_tar: Any) -> None:
    padded = make_tar(tmp_path / "a.tar", _images(3, 700))
    padded.write_bytes(padded.read_bytes() + bytes(100_000))
    broken = make_tar(tmp_path / "b.tar", {"z.png": b"z"})
    whole = broken.read_bytes()
    broken.write_bytes(whole[:600])
    source = open_source([str(padded), str(broken)])
    with pytest.raises(PipelineError):
        index_pool(source, tmp_path / "pool.parquet", workers=1)
    broken.write_bytes(whole)
    told: list[str] = []
    index_pool(source, tmp_path / "pool.parquet", workers=2, on_warning=told.append)
    assert len(told) == 1 and "a.tar" in told[0]


@pytest.mark.parametrize("form", ["gnu", "posix"])
def test_sparse_images_are_refused(tmp_path: Path, form: str) -> None:
    for name in ("holes.bmp", "holes.bin"):
        with open(tmp_path / name, "wb") as file:
            file.truncate(1 << 20)
            file.seek(1 << 19)
            file.write(b"x" * 5000)
    (tmp_path / "a.png").write_bytes(b"a")
    command = ["tar", "-S", f"--format={form}", "-C", str(tmp_path), "-cf", f"{tmp_path}/s.tar"]
    subprocess.run([*command, "holes.bmp", "a.png"], check=True)
    with pytest.raises(PipelineError, match=r"without its holes.*pack it again without -S"):
        _scan(tmp_path / "s.tar")
    subprocess.run([*command, "holes.bin", "a.png"], check=True)
    assert _scan(tmp_path / "s.tar") == ["a.png"]


def test_a_prefix_belongs_to_ustar_alone(tmp_path: Path) -> None:
    """GNU tar keeps the time of access there, with --listed-incremental."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"a")
    command = ["tar", "--format=gnu", "-g", f"{tmp_path}/state", "-C", str(tmp_path), "-cf"]
    subprocess.run([*command, f"{tmp_path}/i.tar", "images"], check=True)
    assert _scan(tmp_path / "i.tar") == ["images/a.png"]


def _with_header(kind: bytes, body: bytes, size: int | None = None) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, len(body) if size is None else size
    header = info.tobuf(tarfile.GNU_FORMAT)
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        image = tarfile.TarInfo("a.png")
        image.size = 3
        archive.addfile(image, io.BytesIO(b"abc"))
    return header + body + bytes(-len(body) % 512) + stored.getvalue()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (_with_header(b"x", b"1" * 80_000), "extended header at byte 0 is damaged"),
        (_with_header(b"x", b"", 1 << 62), "PLADA_LIMITS=tar-header="),
        (_with_header(b"L", b"", 1 << 62), "PLADA_LIMITS=tar-header="),
        (_with_header(b"x", b"10 size=x\n"), "number in the extended header"),
        (_with_header(b"x", b"11 size=-5\n"), "number in the extended header"),
        (_with_header(b"x", b"9 path=\nx"), "damaged"),
        (_with_header(b"x", b"8 path=\n"), "name in the header"),
        (_with_header(b"L", b"\0"), "name in the header"),
        (_with_header(b"5", b"", 512), "gives a folder or link 512 bytes"),
        (_with_header(b"M", b"abc"), "another volume"),
        (_with_header(b"x", b"22 GNU.sparse.size=99\n"), "lacks the map"),
    ],
)
def test_headers_that_cannot_be_meant(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "odd.tar").write_bytes(data)
    with pytest.raises(PipelineError, match=problem):
        _scan(tmp_path / "odd.tar")


def test_long_extended_headers_take_no_time(tmp_path: Path) -> None:
    """A record of a megabyte less its frame; tarfile takes minutes for one that is damaged so."""
    value = b"v" * 1_000_000
    record = b"%d comment=%s\n" % (len(value) + 17, value)
    (tmp_path / "long.tar").write_bytes(_with_header(b"x", record))
    assert _scan(tmp_path / "long.tar") == ["a.png"]
