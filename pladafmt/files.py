"""Write files whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str], *, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; move it there when the block succeeds.

    The file appears under its final name complete and flushed to disk, or an older file of that
    name stays as it was. After an exception the temporary file is gone. A `private` file can be
    read by its owner alone, at every moment.

    What is not a file, such as a device, a pipe or ``/dev/stdout``, is not replaced: the finished
    bytes are written into it.

    Raises:
        OSError: with the name of the file, also when the disk is full.
    """
    target = Path(path)
    if _is_special(target):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "made"
            yield made
            with open(made, "rb") as source, open(target, "wb") as into:
                shutil.copyfileobj(source, into)
        return
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes private files; a finished file gets the permissions that open() gives.
        if not private:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except OSError as exc:
        if exc.filename is None:  # A full disk is reported without one.
            exc.filename = os.fspath(target)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _is_special(target: Path) -> bool:
    """Whether something is there that a file must not take the place of."""
    stream = target.parent in (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))
    return target.exists() and not target.is_dir() and (stream or not target.is_file())


def write_whole(path: str | os.PathLike[str], data: bytes, *, private: bool = False) -> None:
    """Write `data` to `path`, whole or not at all; see `replacing`."""
    with replacing(path, private=private) as temporary:
        temporary.write_bytes(data)
