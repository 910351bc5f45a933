"""Write files whole or not at all."""

from __future__ import annotations

import os
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
    """
    target = Path(path)
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
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike[str], data: bytes, *, private: bool = False) -> None:
    """Write `data` to `path`, whole or not at all; see `replacing`."""
    with replacing(path, private=private) as temporary:
        temporary.write_bytes(data)
