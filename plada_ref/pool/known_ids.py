"""Tree hashes that this machine has computed before: ids of pools, and of tables of codes.

The tree hash over 14 million digests takes two hashes of a few bytes for each, up to twenty seconds
of a processor; one SHA-256 over all digests takes a third of a second. So this hash is the name
under which the id is kept, in the folder `cache_folder("pool-ids")` or `cache_folder("codes-ids")`.
Other leaves have another name: an entry cannot go stale, whatever happens to the file they came
from. The cache folder is trusted, as the program itself is: whoever can write there can make one
pool, or table, pass for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pladafmt.files import write_whole
from pladafmt.merkle import CODES_LEAF, POOL_LEAF, TreeHasher

from ..storage.cache import cache_folder

FEW = 100_000
"""Ids of fewer images are not kept: their tree hash takes a fraction of a second."""

_TAG = b"plada-known-id-1\0"
_CODES_TAG = b"plada-known-codes-1\0"

_PIECE = 1 << 16
"""Rows of a mapped table that are read at a time."""

Digests = npt.NDArray[np.uint8]
"""SHA-256 of images, shape (n, 32)."""


def pool_id(digests: Digests) -> bytes:
    """Compute the id (32 bytes) of the pool of images with these digests, shape (n, 32) uint8."""
    return pool_id_of(lambda: [digests], len(digests))


def pool_id_of(pieces: Callable[[], Iterable[Digests]], count: int) -> bytes:
    """Compute the id (32 bytes) of a pool whose digests need not all be in memory.

    Args:
        pieces: yields the digests in order, some at a time; called once or twice.
        count: how many images there are.
    """
    return _known("pool-ids", _TAG, pieces, count, lambda: TreeHasher(POOL_LEAF, 32, count))


def codes_id(table: npt.NDArray[np.int8]) -> bytes:
    """Compute the id (32 bytes) of a table of codes, shape (n, D) int8; it may be mapped."""
    count, columns = table.shape
    # Tables of the same bytes and another width are other tables.
    tag = _CODES_TAG + columns.to_bytes(2, "little")

    def pieces() -> Iterable[npt.NDArray[np.int8]]:
        return (table[start : start + _PIECE] for start in range(0, count, _PIECE))

    return _known("codes-ids", tag, pieces, count, lambda: TreeHasher(CODES_LEAF, columns, count))


def _known(
    kind: str,
    tag: bytes,
    pieces: Callable[[], Iterable[npt.NDArray[Any]]],
    count: int,
    hasher: Callable[[], TreeHasher],
) -> bytes:
    """Look up or compute the tree hash of `count` leaves, which are whole rows of `pieces`."""
    if count < FEW:
        return _compute(pieces(), hasher())
    name = hashlib.sha256(tag)

    def named() -> Iterable[npt.NDArray[Any]]:
        for piece in pieces():
            name.update(np.ascontiguousarray(piece).data)
            yield piece

    folder = cache_folder(kind)
    if _is_empty(folder):
        # Nothing can be known: the leaves, which may have to be decoded, are read once.
        found = _compute(named(), hasher())
    else:
        for _ in named():
            pass
        known = _read(folder / name.hexdigest(), tag, name.digest())
        if known is not None:
            return known
        found = _compute(pieces(), hasher())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name.hexdigest(), found + _seal(tag, name.digest(), found))
    except OSError:
        pass  # A cache that cannot be written costs time, not correctness.
    return found


def _is_empty(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is None
    except OSError:
        return True


def _read(path: Path, tag: bytes, name: bytes) -> bytes | None:
    """Read the id that is kept under a name; None if it is not there, or not readable or whole."""
    try:
        entry = path.read_bytes()
    except OSError:
        return None
    whole = len(entry) == 64 and entry[32:] == _seal(tag, name, entry[:32])
    return entry[:32] if whole else None


def _compute(pieces: Iterable[npt.NDArray[Any]], tree: TreeHasher) -> bytes:
    for piece in pieces:
        tree.extend(piece)
    return tree.root()


def _seal(tag: bytes, name: bytes, found: bytes) -> bytes:
    """Return what shows that an entry is whole; it does not protect against forgery."""
    return hashlib.sha256(tag + name + found).digest()
