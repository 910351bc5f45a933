"""The pool id: one hash over every image of a pool, in order (RFC 9162, section 2.1.1).

A Merkle tree hash instead of a plain hash of hashes: with it, an image's membership can be proven
without the rest of the pool, and a client that computes its own id gets the id of every shorter
pool (a prefix of its images) in the same pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .loops import hashes

LEAF = b"\x00"
NODE = b"\x01"

POOL_LEAF = b"plada-pool-1\0"
"""What precedes the image digest in a leaf, so that no other tree's leaf is a pool's leaf."""

CODES_LEAF = b"plada-codes-1\0"
"""What precedes the codes of an image in a leaf of a codes id."""

_SLICE = 2**12
"""Leaves of a subtree that is hashed level by level; a power of two."""


class TreeHasher:
    """The Merkle tree hash of a growing list of leaves, in O(log n) memory.

    Args:
        prefix: bytes before each leaf's data. The default makes pool ids; the empty prefix
            makes the plain tree of RFC 9162.
        width: bytes of a leaf's data: for a pool, those of an image digest.
        expected: how many leaves there will be, about. A million are hashed by compiled loops, if
            numba is installed, from the first one on; otherwise from the millionth.

    Attributes:
        prefix, width, expected: as given.
    """

    def __init__(self, prefix: bytes = POOL_LEAF, width: int = 32, expected: int = 0) -> None:
        self.prefix = prefix
        self.width = width
        self.expected = expected
        # Roots of complete subtrees, largest first; their sizes are the one bits of `size`.
        self._subtrees: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        """How many leaves have been appended."""
        return self._size

    def append(self, data: bytes) -> None:
        """Append one leaf: for a pool, the 32-byte SHA-256 of the stored image bytes."""
        self._add(hashlib.sha256(LEAF + self.prefix + data).digest(), 1)

    def extend(self, leaves: npt.NDArray[Any]) -> None:
        """Append the rows of `leaves`, shape (n, width), uint8 or int8, in order.

        Raises:
            ValueError: if they are of another shape or type.
        """
        width = self.width
        if leaves.ndim != 2 or leaves.shape[1] != width or leaves.dtype.itemsize != 1:
            raise ValueError(
                f"leaves are an (n, {width}) array of bytes, not {leaves.shape} of {leaves.dtype}"
            )
        sha256 = hashes.best(max(self.expected, self._size + len(leaves)))
        first = 0
        while first < len(leaves):
            # The largest complete subtree that begins here and for which there are leaves.
            there = 1 << (len(leaves) - first).bit_length() - 1
            count = min(_SLICE, there, self._size & -self._size or _SLICE)
            # Raw bytes: an array row per leaf would take most of the time.
            rows = leaves[first : first + count].tobytes()
            self._add(_complete(sha256, rows, self.prefix, width), count)
            first += count

    def _add(self, node: bytes, leaves: int) -> None:
        """Append a complete subtree of so many leaves, a power of two that divides the size."""
        size = self._size // leaves
        while size & 1:  # Two complete subtrees of one size make the next larger one.
            node = hashlib.sha256(NODE + self._subtrees.pop() + node).digest()
            size >>= 1
        self._subtrees.append(node)
        self._size += leaves

    def root(self) -> bytes:
        """The 32-byte tree hash of the leaves so far; SHA-256 of nothing when there are none."""
        if not self._subtrees:
            return hashlib.sha256().digest()
        node = self._subtrees[-1]
        for left in reversed(self._subtrees[:-1]):
            node = hashlib.sha256(NODE + left + node).digest()
        return node


def _complete(sha256: hashes.Hash, rows: bytes, prefix: bytes, width: int) -> bytes:
    """Return the root over a power of two of leaves, hashed level by level."""
    level = sha256(LEAF + prefix, rows, width)
    while len(level) > hashes.DIGEST:
        level = sha256(NODE, level, 2 * hashes.DIGEST)
    return level


def prefix_ids(digests: npt.NDArray[np.uint8], sizes: Iterable[int]) -> dict[int, bytes]:
    """The pool ids of the first n images for every n in `sizes`, in one pass.

    Args:
        digests: image digests in pool order, shape (N, 32), uint8.
        sizes: prefix sizes, each from 0 to N.

    Raises:
        ValueError: if a size lies outside 0..N.
    """
    hasher = TreeHasher()
    ids: dict[int, bytes] = {}
    for size in sorted(set(sizes)):
        if not 0 <= size <= len(digests):
            raise ValueError(f"a prefix of {len(digests)} images cannot have {size}")
        hasher.extend(digests[hasher.size : size])
        ids[size] = hasher.root()
    return ids
