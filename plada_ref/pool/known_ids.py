"""Pool ids that this machine has computed before, so that it hashes the leaves of a pool once.

The tree hash over 14 million digests takes two hashes of a few bytes for each, twenty seconds; one
SHA-256 over all digests takes a third of a second. So this hash is the name under which the pool
id is kept, in the folder `cache_folder("pool-ids")`. Other digests have another name: an entry
cannot go stale, whatever happens to the manifest's file. The cache folder is trusted, as the
program itself is: whoever can write there can make one pool pass for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from pladafmt.files import write_whole
from pladafmt.merkle import TreeHasher

from .cache import cache_folder

FEW = 100_000
"""Pools of fewer images are not kept: their tree hash takes a fraction of a second."""

_TAG = b"plada-known-id-1\0"

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
    if count < FEW:
        return _compute(pieces)
    name = hashlib.sha256(_TAG)
    for piece in pieces():
        name.update(np.ascontiguousarray(piece).data)
    path = cache_folder("pool-ids") / name.hexdigest()
    try:
        entry = path.read_bytes()
    except OSError:
        entry = b""  # Not there, or not readable: compute it.
    if len(entry) == 64 and entry[32:] == _seal(name.digest(), entry[:32]):
        return entry[:32]
    found = _compute(pieces)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, found + _seal(name.digest(), found))
    except OSError:
        pass  # A cache that cannot be written costs time, not correctness.
    return found


def _compute(pieces: Callable[[], Iterable[Digests]]) -> bytes:
    hasher = TreeHasher()
    for piece in pieces():
        hasher.extend(piece)
    return hasher.root()


def _seal(name: bytes, found: bytes) -> bytes:
    """Return what shows that an entry is whole; it does not protect against forgery."""
    return hashlib.sha256(_TAG + name + found).digest()
