"""Write files whole or not at all, and read no more of one than is asked for."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

STANDARD_OUTPUT = Path("/dev/stdout")
"""What is written to it goes to standard output, on every system."""

_FOLDER_OF_STREAMS = Path("/dev/fd")
_SPARE = 100
"""How many processes can write one file at a time before the names of their parts are random."""


@contextmanager
def replacing(path: str | os.PathLike[str], *, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; move it there when the block succeeds.

    The file appears under its final name complete and flushed to disk, or an older file of that
    name stays as it was. After an exception the temporary file is gone. After a kill, or where the
    computer stops, it stays until the next write of the same name, which takes it over. A `private`
    file can be read by its owner alone, at every moment.

    What is not a file, such as a device, a pipe or ``/dev/stdout``, is not replaced: the finished
    bytes are written into it.

    Raises:
        OSError: with the name of the file, also when the disk is full.
    """
    target = Path(path)
    if is_stream(target):
        with tempfile.TemporaryDirectory() as folder, _naming(target):
            made = Path(folder) / "made"
            yield made
            with open(made, "rb") as source, _opened(target) as into:
                shutil.copyfileobj(source, into)
        return
    with _part(target) as temporary, _naming(target, temporary):
        done = False
        try:
            yield temporary
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            # Parts are private; a finished file gets the permissions that open() gives.
            if not private:
                umask = os.umask(0)
                os.umask(umask)
                os.chmod(temporary, 0o666 & ~umask)
            os.replace(temporary, target)
            done = True  # The name of the part may be another process's now.
            _flush_folder(target.parent)
        finally:
            if not done:
                temporary.unlink(missing_ok=True)


@contextmanager
def _naming(target: Path, temporary: Path | None = None) -> Iterator[None]:
    """Have errors name the file: a full disk names none, a folder in its place the temporary."""
    try:
        yield
    except OSError as exc:
        if temporary is not None and exc.filename == os.fspath(temporary):
            raise OSError(exc.errno, exc.strerror, os.fspath(target)) from exc
        if exc.filename is None:
            exc.filename = os.fspath(target)
        raise


def is_stream(path: Path) -> bool:
    """Whether something is there that a file must not take the place of."""
    if _number(path) is not None:
        return True
    return (
        path.exists() and not path.is_dir() and (path.parent == Path("/dev") or not path.is_file())
    )


def write_whole(path: str | os.PathLike[str], data: bytes, *, private: bool = False) -> None:
    """Write `data` to `path`, whole or not at all; see `replacing`."""
    with replacing(path, private=private) as temporary:
        temporary.write_bytes(data)


def read_at_most(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the bytes of a file, which must not have more than `most`.

    Not more than that is read, also of a device or a pipe that never ends.

    Raises:
        OSError: if it has more, or cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > most else file.read(most + 1)
    if size > most or len(data) > most:
        said = f"larger than {most:,} bytes, the most that is read of such a file"
        raise OSError(errno.EFBIG, said, os.fspath(path))
    return data


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """Make an empty private file next to `target`, or take over one that nobody writes any more.

    Its lock says that somebody does: the system removes it with the process, even a killed one.
    """
    for number in range(_SPARE if fcntl is not None else 0):
        between = f".{number}" if number else ""
        path = target.with_name(f".{target.name}{between}.part")
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except OSError:
            break  # A link, or another user's: below it is seen whether we may write here at all.
        try:
            if _is_ours(handle, path):
                yield path
                return
        finally:
            os.close(handle)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=".part", dir=target.parent
        )
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, os.fspath(target)) from exc
    os.close(handle)
    yield Path(name)


def _is_ours(handle: int, path: Path) -> bool:
    """Lock an open file and empty it; False if it is not ours alone."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        opened, there = os.fstat(handle), os.lstat(path)
        # Meanwhile it may have become the finished file. Or somebody laid it there, to read along.
        if (
            (opened.st_dev, opened.st_ino) != (there.st_dev, there.st_ino)
            or not stat.S_ISREG(opened.st_mode)
            or opened.st_uid != os.geteuid()
            or opened.st_nlink != 1
        ):
            return False
        os.fchmod(handle, 0o600)
        os.ftruncate(handle, 0)
        return True
    except OSError:  # Another process writes it, or there are no locks here.
        return False


def _number(path: Path) -> int | None:
    """Return the number of the open stream that a path names, such as 1 for standard output."""
    if path == STANDARD_OUTPUT:
        return 1
    if path == Path("/dev/stderr"):
        return 2
    digits = path.name
    if path.parent in (_FOLDER_OF_STREAMS, Path("/proc/self/fd")) and digits.isdecimal():
        return int(digits)
    return None


def _opened(target: Path) -> BinaryIO:
    """Open what is no file for writing; an open stream goes on where it is."""
    number = _number(target)
    if number is None:
        return open(target, "wb")
    try:
        return os.fdopen(os.dup(number), "wb")
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, os.fspath(target)) from exc


def _flush_folder(folder: Path) -> None:
    """Have the system note that a file has a new name, before anything depends on it."""
    with suppress(OSError):  # Not every system can open or flush a folder.
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
