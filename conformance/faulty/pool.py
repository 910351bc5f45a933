"""Faults of clients with the pool (section 12)."""

from __future__ import annotations

from .fault import OMITTED, Fault

_SIZE = '_refuse_if(len(pool) < file.pool_size, "pool-mismatch")'
_ID = '_refuse_if(pool_id(pool[: file.pool_size]) != file.pool_id, "pool-mismatch")'
_MERKLE_START = "    # Whole subtrees, from left to right"

FAULTS = (
    Fault(
        "pool-by-its-size",
        "PLADA-POOL-002",
        "Takes a pool of the right size for the right one.",
        ((_ID, OMITTED),),
        role="client",
    ),
    Fault(
        "pool-size-unchecked",
        "PLADA-POOL-002",
        "Hashes the first N images, which are fewer where there are fewer.",
        ((_SIZE, OMITTED),),
        role="client",
    ),
    Fault(
        "pool-of-the-same-size",
        "PLADA-POOL-003",
        "Refuses every pool that does not have N images.",
        ((_SIZE, _SIZE.replace("<", "!=")),),
        role="client",
    ),
    Fault(
        "pool-as-it-is-now",
        "PLADA-POOL-002",
        "Hashes its whole pool, grown or not.",
        (("pool_id(pool[: file.pool_size])", "pool_id(pool)"),),
        role="client",
    ),
    Fault(
        "empty-pool-is-none",
        "PLADA-POOL-002",
        "Asks whether its pool is empty where it should ask whether there is one.",
        (("    if pool is not None:\n", "    if pool:\n"),),
        role="client",
    ),
    Fault(
        "pool-sorted",
        "PLADA-POOL-002",
        "Sorts digests, so that the order of files on a disk does not matter.",
        ((_MERKLE_START, "    digests = sorted(digests)\n" + _MERKLE_START),),
        role="client",
    ),
    Fault(
        "leaves-without-tag",
        "PLADA-POOL-001",
        "Hashes leaves as RFC 9162 has it, without the tag of this format.",
        (('_tree_hash(b"plada-pool-1\\0", digests)', '_tree_hash(b"", digests)'),),
        role="client",
    ),
    Fault(
        "leaves-doubled",
        "PLADA-POOL-001",
        "Doubles the last leaf of an odd number, as Bitcoin does.",
        (
            (
                _MERKLE_START,
                "    level = [\n"
                "        hashlib.sha256(b'\\0plada-pool-1\\0' + each).digest()\n"
                "        for each in digests\n"
                "    ]\n"
                "    while len(level) > 1:\n"
                "        level += level[-1:] * (len(level) % 2)\n"
                "        level = [hashlib.sha256(b'\\1' + a + b).digest()\n"
                "                 for a, b in zip(level[::2], level[1::2])]\n"
                "    return level[0] if level else hashlib.sha256(b'').digest()\n" + _MERKLE_START,
            ),
        ),
        role="client",
    ),
    Fault(
        "tree-cut-in-halves",
        "PLADA-POOL-001",
        "Cuts the tree in the middle, not at the largest power of two.",
        (
            (
                _MERKLE_START,
                "    if len(digests) > 1:\n        half = len(digests) // 2\n"
                "        return hashlib.sha256(\n"
                "            b'\\1' + pool_id(digests[:half]) + pool_id(digests[half:])\n"
                "        ).digest()\n" + _MERKLE_START,
            ),
        ),
        role="client",
    ),
    Fault(
        "pool-of-one-is-its-image",
        "PLADA-POOL-001",
        "Takes the digest of the only image for the root of its tree.",
        (
            (
                _MERKLE_START,
                "    if len(digests) == 1:\n        return digests[0]\n" + _MERKLE_START,
            ),
        ),
        role="client",
    ),
    Fault(
        "empty-pool-of-zeros",
        "PLADA-POOL-001",
        "Has 32 zero bytes for the id of the empty pool.",
        (('return hashlib.sha256(b"").digest()', "return bytes(32)"),),
        role="client",
    ),
    Fault(
        "pool-before-the-file",
        "PLADA-CHK-001",
        "Looks at the pool as soon as HEAD is read.",
        (
            (
                "            file = _read_head(body, crc, limits, known_features)\n",
                "            file = _read_head(body, crc, limits, known_features)\n"
                "            if _POOL is not None:\n"
                "                _refuse_if(len(_POOL) < file.pool_size, 'pool-mismatch')\n"
                "                found = pool_id(_POOL[: file.pool_size])\n"
                "                _refuse_if(found != file.pool_id, 'pool-mismatch')\n",
            ),
            (
                "    file, at = _read_chunks(",
                "    global _POOL\n    _POOL = pool\n    file, at = _read_chunks(",
            ),
        ),
        role="client",
    ),
)
