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

from pladafmt.files import replacing, write_whole


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
