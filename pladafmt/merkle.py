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

from .subtree import LEAF, NODE, complete

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

    Attributes:
        prefix, width: as given.
    """

    def __init__(self, prefix: bytes = POOL_LEAF, width: int = 32) -> None:
        self.prefix = prefix
        self.width = width
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
        self.check(leaves)
        width = self.width
        first = 0
        while first < len(leaves):
            # Up to the next place where a complete subtree of a slice's size can begin.
            stop = first + _SLICE - self._size % _SLICE
            # Raw bytes: an array row per leaf would take most of the time.
            rows = leaves[first:stop].tobytes()
            if len(rows) == width * _SLICE:
                self._add(complete(rows, self.prefix, width), _SLICE)
            else:
                for start in range(0, len(rows), width):
                    self.append(rows[start : start + width])
            first = stop

    def check(self, leaves: npt.NDArray[Any]) -> None:
        """Check that an array's rows are leaves of this tree; raises as `extend` does."""
        width = self.width
        if leaves.ndim != 2 or leaves.shape[1] != width or leaves.dtype.itemsize != 1:
            raise ValueError(
                f"leaves are an (n, {width}) array of bytes, not {leaves.shape} of {leaves.dtype}"
            )

    def append_subtree(self, root: bytes, leaves: int) -> None:
        """Append so many leaves by the root of their subtree, see `pladafmt.subtree.complete`.

        Raises:
            ValueError: if they are not a power of two that divides the number of leaves before.
        """
        if leaves < 1 or leaves & (leaves - 1) or self._size % leaves:
            raise ValueError(f"behind {self._size} leaves, {leaves} are no complete subtree")
        self._add(root, leaves)

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
