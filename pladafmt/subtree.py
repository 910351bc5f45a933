"""Complete subtrees of a Merkle tree (RFC 9162, section 2.1.1), each hashed level by level.

As a program it hashes one subtree after the other for another process. So it needs the standard
library alone, and starts in a moment:

    python -I -S subtree.py PREFIX WIDTH LEAVES

PREFIX is in hex. It writes `READY`, and then for each `WIDTH * LEAVES` bytes of its input the root
of their subtree, until the input ends.
"""

from __future__ import annotations

import hashlib
import signal
import sys
from typing import Any

LEAF = b"\x00"
NODE = b"\x01"

ROOT = 32
"""Bytes of a root."""

READY = b"\x01"


def complete(rows: bytes, prefix: bytes, width: int) -> bytes:
    """Return the root, 32 bytes, over a power of two of leaves.

    Args:
        rows: the data of all leaves in a row.
        prefix: bytes before each leaf's data.
        width: bytes of a leaf's data.
    """
    leaves = [rows[at : at + width] for at in range(0, len(rows), width)]
    level = _digests(hashlib.sha256(LEAF + prefix), leaves)
    node = hashlib.sha256(NODE)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = _digests(node, [left + right for left, right in pairs])
    return level[0]


def _digests(begun: Any, pieces: list[bytes]) -> list[bytes]:
    """Hash each piece behind what a hash has begun with.

    Copies of that hash: to begin a new one is what takes OpenSSL longest.
    """
    copy, found = begun.copy, []
    for piece in pieces:
        one = copy()
        one.update(piece)
        found.append(one.digest())
    return found


def main() -> None:
    """Be the program."""
    # Ctrl-C goes to all processes of a terminal: this one ends when its input does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prefix, width, leaves = bytes.fromhex(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    found = READY
    while True:
        sys.stdout.buffer.write(found)
        sys.stdout.buffer.flush()
        rows = sys.stdin.buffer.read(width * leaves)
        if len(rows) < width * leaves:
            return
        found = complete(rows, prefix, width)


if __name__ == "__main__":
    main()
