"""The desk: the folder where files lie while a client reads them, under names that say nothing.

A client may do there what it likes: it is its home folder. The runner reaches the folder through a
descriptor, so what a client puts in its place, such as a symbolic link, is noticed and never
followed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from random import Random

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Desk:
    """A folder for the files of one client. A context manager.

    Args:
        random: of the files' names.
        parent: where the folder is made; where the system has temporary files when None.
    """

    def __init__(self, random: Random, parent: str | None = None) -> None:
        self._random = random
        self._parent = parent
        self._make()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def folder(self) -> str:
        """The folder's path; another one after `renew`."""
        return str(self._path)

    def lay(self, data: bytes, suffix: str = ".plada") -> str:
        """Write a file and return its path.

        Raises:
            OSError: if it cannot be written; `problem` says whether that is the client's doing.
        """
        name = f"{self._random.randrange(16**12):012x}{suffix}"
        self._reach()
        with os.fdopen(os.open(name, _NEW_FILE, 0o600, dir_fd=self._descriptor), "wb") as file:
            file.write(data)
        return str(self._path / name)

    def clear(self) -> None:
        """Remove everything that lies there; a link goes, and what it points to stays."""
        with contextlib.suppress(OSError):
            self._reach()
            with os.scandir(self._descriptor) as entries:
                found = list(entries)
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.name, ignore_errors=True, dir_fd=self._descriptor)
                else:
                    os.unlink(entry.name, dir_fd=self._descriptor)

    def problem(self) -> str | None:
        """Return what has become of the folder, or None if it is where it was."""
        try:
            now = os.lstat(self._path)
        except OSError:
            return "The client has removed the folder of its files."
        if stat.S_ISLNK(now.st_mode):
            return "The client has put a symbolic link in the place of the folder of its files."
        if not os.path.samestat(now, os.fstat(self._descriptor)):
            return "The client has put something else in the place of the folder of its files."
        return None

    def renew(self) -> None:
        """Leave the folder, whatever has become of it, and make another one."""
        self.remove()
        self._make()

    def _make(self) -> None:
        self._path = Path(tempfile.mkdtemp(prefix="plada-run-", dir=self._parent))
        self._descriptor = os.open(self._path, _FOLDER)

    def _reach(self) -> None:
        """Take back the permissions that a client may have taken away."""
        os.fchmod(self._descriptor, 0o700)

    def remove(self) -> None:
        """Remove the folder and what lies there."""
        self.clear()
        with contextlib.suppress(OSError):
            # What a client has put in the folder's place is left alone, but for a link.
            if os.path.islink(self._path):
                os.unlink(self._path)
            elif self.problem() is None:
                os.rmdir(self._path)
        os.close(self._descriptor)
