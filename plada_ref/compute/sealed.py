"""Intermediate results that end in their own digest: damaged ones are made again, never used."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

LENGTH = 32
"""Bytes of a seal: the SHA-256 of a text that says what the file is of, and of all before it."""


def seal(path: Path, what: str) -> None:
    """Append the seal to a file.

    Args:
        what: what the file is of, so that it cannot be taken for another one's.
    """
    with open(path, "rb+") as file:
        file.write(_digest(file, None, what))


def is_sealed(path: Path, what: str) -> bool:
    """Whether a file ends in the seal of all that is before it."""
    with open(path, "rb") as file:
        found = _digest(file, path.stat().st_size - LENGTH, what)
        return file.read() == found


def _digest(file: BinaryIO, length: int | None, what: str) -> bytes:
    state = hashlib.sha256(what.encode() + b"\0")
    while length is None or length > 0:
        piece = file.read(1 << 20 if length is None else min(length, 1 << 20))
        if not piece:
            break
        state.update(piece)
        length = None if length is None else length - len(piece)
    return state.digest()
