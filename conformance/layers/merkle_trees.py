"""Tree hashes: pool ids (section 12.1) and codes ids (section 17.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from .. import appendix_b as spec
from .case import Layer

Tree = Callable[[Sequence[bytes]], bytes]

_DIGESTS = [hashlib.sha256(f"image {number}".encode()).digest() for number in range(17)]
_ROWS = [bytes((37 * row + 11 * column) % 256 for column in range(4)) for row in range(9)]
_SIZES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 17)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _leaf(digest: bytes) -> bytes:
    return _sha256(b"\x00plada-pool-1\x00" + digest)


def _by_levels(nodes: list[bytes], *, mark: bytes = b"\x01", last_twice: bool = False) -> bytes:
    """A tree of pairs, level by level; a node without a partner goes up, or is taken twice."""
    while len(nodes) > 1:
        if len(nodes) % 2 and last_twice:
            nodes = [*nodes, nodes[-1]]
        pairs = [nodes[at : at + 2] for at in range(0, len(nodes), 2)]
        nodes = [_sha256(mark + b"".join(pair)) if len(pair) == 2 else pair[0] for pair in pairs]
    return nodes[0]


_MISTAKES: dict[str, Tree] = {
    "a leaf without a partner is taken twice": lambda digests: _by_levels(
        [_leaf(digest) for digest in digests], last_twice=True
    ),
    "leaves without the tag": lambda digests: _by_levels(
        [_sha256(b"\x00" + digest) for digest in digests]
    ),
    "leaves without the byte 00": lambda digests: _by_levels(
        [_sha256(b"plada-pool-1\x00" + digest) for digest in digests]
    ),
    "nodes without the byte 01": lambda digests: _by_levels(
        [_leaf(digest) for digest in digests], mark=b""
    ),
    "one hash over all digests": lambda digests: _sha256(b"".join(digests)),
}


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "12.1",
        {
            "tree": "`pool`, of image digests, or `codes`, of rows of codes",
            "leaves": "digests, or rows, in hexadecimal",
            "root": "the pool id, or the codes id",
            "mistakes": "what common mistakes give in place of the root",
        },
    )
    for tree, leaves in (("pool", _DIGESTS), ("codes", _ROWS)):
        for size in _SIZES:
            if size <= len(leaves):
                _add(made, tree, leaves[:size])
    return made


def _add(made: Layer, tree: str, leaves: list[bytes]) -> None:
    name = f"{tree}_of_{len(leaves)}"
    about = f"A tree of {len(leaves)} leaves." if leaves else "The empty tree."
    given = {"tree": tree, "leaves": [leaf.hex() for leaf in leaves]}
    root = spec.pool_id(leaves) if tree == "pool" else spec.codes_id(leaves)
    found: dict[str, object] = {"root": root.hex()}
    if tree == "pool" and len(leaves) == 7:
        found["mistakes"] = {why: wrong(leaves).hex() for why, wrong in _MISTAKES.items()}
    made.add(name, about, given, lambda: found)
