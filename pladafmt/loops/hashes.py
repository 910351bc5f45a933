"""SHA-256 of many messages that begin alike and are of one length, as the nodes of a tree are.

By hashlib, or side by side by loops that numba compiles, a quarter of the time. There is no
library for the latter; so the loops are ours, and they are not used before they have made the
digests that hashlib makes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import sha256
from .backend import compile_lanes

DIGEST = 32
"""Bytes of a digest."""

MANY = 1 << 20
"""Messages from which the loops are worth it: hashlib takes half a second for them. Numba takes
that long to be imported, and once, on a machine, three seconds to compile the loops."""

Hash = Callable[[bytes, bytes, int], bytes]
"""Return the digests in a row, given how all messages begin, how each goes on, those in a row as
well, and how many bytes each of them goes on for."""

_LENGTH = 8
"""Bytes at the end of a padded message that tell its length (FIPS 180-4, section 5.1.1)."""


def by_hashlib(head: bytes, rows: bytes, width: int) -> bytes:
    """Hash one after the other; see `Hash`."""
    # Copies of a hash that has begun: to begin a new one is what takes OpenSSL longest.
    begun = hashlib.sha256(head).copy
    found = []
    for at in range(0, len(rows), width):
        one = begun()
        one.update(rows[at : at + width])
        found.append(one.digest())
    return b"".join(found)


def by_lanes(loops: Any, head: bytes, rows: bytes, width: int) -> bytes:
    """Hash side by side; see `Hash`.

    Args:
        loops: the module `sha256`, compiled.
        head, rows, width: as of `Hash`; a width of at least 1.
    """
    count = len(rows) // width
    size = len(head) + width
    filler = bytes(-(size + 1 + _LENGTH) % (4 * sha256.BLOCK))
    padding = b"\x80" + filler + (8 * size).to_bytes(_LENGTH, "big")
    empty = np.frombuffer(head + bytes(width) + padding, np.uint8)
    padded = np.empty((-(-count // sha256.LANES) * sha256.LANES, len(empty)), np.uint8)
    padded[:] = empty
    padded[:count, len(head) : size] = np.frombuffer(rows, np.uint8).reshape(count, width)
    out = np.empty((len(padded), sha256.WORDS), np.uint32)
    rounds = np.empty(sha256.ROUNDS * sha256.LANES, np.uint32)
    states = np.empty(2 * sha256.WORDS * sha256.LANES, np.uint32)
    words = padded.view(">u4").astype(np.uint32)
    loops.digests(words, sha256.CONSTANTS, sha256.FIRST, rounds, states, out)
    return out[:count].astype(">u4").tobytes()


def best(count: int) -> Hash:
    """Return the faster way for `count` messages, counting the time to import numba."""
    return (lanes() if count >= MANY else None) or by_hashlib


@cache
def lanes() -> Hash | None:
    """Return the compiled loops, or None: without numba, or where they do not give SHA-256."""
    loops = compile_lanes()
    if loops is None:
        return None

    def side_by_side(head: bytes, rows: bytes, width: int) -> bytes:
        return by_lanes(loops, head, rows, width)

    return side_by_side if _is_sha256(side_by_side) else None


def _is_sha256(function: Hash) -> bool:
    """Tell whether messages of one block and of two are hashed as hashlib does."""
    rows = bytes(range(256)) * 9
    try:
        return all(
            function(b"\0", rows, width) == by_hashlib(b"\0", rows, width) for width in (32, 64)
        )
    except Exception:  # What a compiler raises is its own affair: hashlib does all of it.
        return False
