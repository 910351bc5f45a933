"""Files are written whole or not at all, and what is not a file is not replaced by one."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pladafmt.files import read_at_most, replacing, write_whole


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    before = os.stat("/dev/null")
    write_whole("/dev/null", b"gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert os.stat("/dev/null").st_ino == before.st_ino
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    write_whole(link, b"gone")
    assert link.is_symlink()


def test_a_pipe_gets_the_bytes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"all of it")
    reader.join(timeout=20)
    assert got == [b"all of it"] and stat.S_ISFIFO(os.stat(pipe).st_mode)


@pytest.mark.parametrize("where", ["pipe", "file"])
def test_standard_output_gets_the_bytes(tmp_path: Path, where: str) -> None:
    code = "from pladafmt.files import write_whole; write_whole('/dev/stdout', b'the bytes')"
    command = [sys.executable, "-c", code]
    if where == "pipe":
        assert subprocess.run(command, check=True, capture_output=True).stdout == b"the bytes"
    else:
        with open(tmp_path / "out", "wb") as file:
            subprocess.run(command, check=True, stdout=file)
        assert (tmp_path / "out").read_bytes() == b"the bytes"
    assert Path("/dev/stdout").is_symlink()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"old")
    with pytest.raises(OSError, match="old") as caught, replacing(old):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(old)
    assert old.read_bytes() == b"old" and list(tmp_path.iterdir()) == [old]


def test_what_hinders_writing_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match=r"'.*/folder'$") as caught:
        write_whole(folder, b"the bytes")
    assert caught.value.filename == str(folder) and list(tmp_path.iterdir()) == [folder]
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
            write_whole("/dev/full", b"the bytes")


def test_standard_output_is_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "log"
    out.write_bytes(b"before ")
    code = "from pladafmt.files import write_whole; write_whole('/dev/stdout', b'the bytes')"
    with open(out, "ab") as file:
        subprocess.run([sys.executable, "-c", code], check=True, stdout=file)
    assert out.read_bytes() == b"before the bytes"
    with pytest.raises(OSError, match="/dev/fd/987"):
        write_whole("/dev/fd/987", b"")


KILLED = """
import os, signal, sys
from pladafmt.files import replacing
with replacing(sys.argv[1], private=True) as part:
    part.write_bytes(b"secret" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_kill_leaves_is_taken_over(tmp_path: Path) -> None:
    target = tmp_path / "a.key"
    for _ in range(3):
        subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
        (left,) = tmp_path.iterdir()
        assert left.name == ".a.key.part" and left.stat().st_mode & 0o777 == 0o600
    write_whole(target, b"new")
    assert list(tmp_path.iterdir()) == [target] and target.read_bytes() == b"new"


def test_writers_at_once_each_write_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with replacing(target) as one, replacing(target) as other:
        assert one != other
        one.write_bytes(b"one")
        other.write_bytes(b"other")
        # Taken over by nobody, although a third one comes and goes.
        write_whole(target, b"third")
        assert one.read_bytes() == b"one" and other.read_bytes() == b"other"
    assert target.read_bytes() == b"one" and list(tmp_path.iterdir()) == [target]


def test_a_part_that_is_finished_is_not_taken_over(tmp_path: Path) -> None:
    """Between opening a part and locking it, its writer may have made it the finished file."""
    target = tmp_path / "out"
    open_ = os.open

    def slow(path: object, *rest: int, **more: int) -> int:
        handle = open_(path, *rest, **more)  # type: ignore[arg-type]
        if str(path).endswith(".out.part"):
            os.replace(tmp_path / ".out.part", target)
            (tmp_path / ".out.part").write_bytes(b"another writer's")
        return handle

    with pytest.MonkeyPatch.context() as patch:
        (tmp_path / ".out.part").write_bytes(b"finished")
        patch.setattr(os, "open", slow)
        with pytest.raises(ZeroDivisionError), replacing(target):
            raise ZeroDivisionError
    assert target.read_bytes() == b"finished"
    assert (tmp_path / ".out.part").read_bytes() == b"another writer's"


@pytest.mark.parametrize("kind", ["link", "link to nothing", "hard link", "pipe", "folder"])
def test_a_trap_in_place_of_a_part_is_left_alone(tmp_path: Path, kind: str) -> None:
    victim, trap, target = (tmp_path / name for name in ("victim", ".a.key.part", "a.key"))
    victim.write_bytes(b"precious")
    if kind == "link":
        trap.symlink_to(victim)
    elif kind == "link to nothing":
        trap.symlink_to(tmp_path / "nothing")
    elif kind == "hard link":
        trap.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(trap)
    else:
        trap.mkdir()
    write_whole(target, b"secret", private=True)
    assert target.read_bytes() == b"secret" and victim.read_bytes() == b"precious"
    assert target.stat().st_mode & 0o777 == 0o600 and not target.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"victim", ".a.key.part", "a.key"}


def test_a_missing_folder_is_named_by_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(tmp_path / "no" / "out", b"")
    assert caught.value.filename == str(tmp_path / "no" / "out")


def test_a_new_name_is_flushed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    write_whole(tmp_path / "out", b"")
    assert flushed == [str(tmp_path / ".out.part"), str(tmp_path)]


def test_reading_stops_where_it_must(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_at_most(path, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes") as caught:
        read_at_most(path, 4)
    assert caught.value.filename == str(path)
    with pytest.raises(OSError, match="larger than 10 bytes"):
        read_at_most("/dev/zero", 10)
    os.truncate(path, 1 << 40)  # Sparse: it takes no room, and would not fit into memory.
    with pytest.raises(OSError, match="larger than"):
        read_at_most(path, 1 << 20)
