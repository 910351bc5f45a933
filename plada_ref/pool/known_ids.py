"""The pool ids that this machine has computed: it hashes the leaves of a pool once.

The tree hash over 14 million digests takes two hashes of a few bytes for each, half a minute; one
SHA-256 over the same digests in a row takes a third of a second. So the second is the name under
which the first is kept, in the folder `cache_folder("pool-ids")`. Other digests have another name:
an entry cannot go stale, whatever happens to the manifest's file. What is trusted is the cache
folder, as the program itself is: who can write there can make a pool pass for another.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from pladafmt.files import write_whole
from pladafmt.merkle import prefix_ids

from .cache import cache_folder

FEW = 100_000
"""Images whose tree hash takes a fraction of a second and is not kept."""

_TAG = b"plada-known-id-1\0"


def pool_id(digests: npt.NDArray[np.uint8]) -> bytes:
    """The id (32 bytes) of the pool of the images with these digests, shape (n, 32) uint8."""
    if len(digests) < FEW:
        return _computed(digests)
    name = hashlib.sha256(_TAG)
    name.update(np.ascontiguousarray(digests).data)
    path = cache_folder("pool-ids") / name.hexdigest()
    try:
        entry = path.read_bytes()
    except OSError:
        entry = b""  # Not there, or not readable: compute it.
    if len(entry) == 64 and entry[32:] == _seal(name.digest(), entry[:32]):
        return entry[:32]
    found = _computed(digests)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, found + _seal(name.digest(), found))
    except OSError:
        pass  # A cache that cannot be written costs time, not correctness.
    return found


def _computed(digests: npt.NDArray[np.uint8]) -> bytes:
    return prefix_ids(digests, [len(digests)])[len(digests)]


def _seal(name: bytes, found: bytes) -> bytes:
    """What shows that an entry is whole; it keeps nobody from writing another."""
    return hashlib.sha256(_TAG + name + found).digest()
