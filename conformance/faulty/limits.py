"""Faults with limits and resources (section 15)."""

from __future__ import annotations

from .fault import Fault

FAULTS = (
    Fault(
        "kept-limit-exclusive",
        "PLADA-LIM-001",
        "Treats the limit on images as the first number that is too large.",
        (("_refuse_if(kept > limits.kept", "_refuse_if(kept >= limits.kept"),),
    ),
    Fault(
        "block-limit-exclusive",
        "PLADA-LIM-001",
        "Treats the limit on blocks as the first number that is too large.",
        (("_refuse_if(blocks > limits.blocks", "_refuse_if(blocks and blocks >= limits.blocks"),),
    ),
    Fault(
        "text-limits-exclusive",
        "PLADA-LIM-001",
        "Treats the limits on texts as the first sizes that are too large.",
        (("_refuse_if(size > limit, limit_code)", "_refuse_if(size >= limit, limit_code)"),),
    ),
    Fault(
        "limits-of-what-is-stored",
        "PLADA-LIM-001",
        "Compares limits with the size of a text as it is stored.",
        (("    _refuse_if(size > limit, limit_code)\n", ""),),
    ),
    Fault(
        "limits-of-what-is-decoded",
        "PLADA-LIM-001",
        "Compares limits with the size of a text once it is decoded.",
        (
            (
                "        _refuse_if(kind == _CLASS_MAP and length > limits.class_map + 1, "
                '"limit-class-map")\n',
                "",
            ),
        ),
    ),
    Fault(
        "limits-fixed",
        "PLADA-LIM-001",
        "Has limits of its own and does not say so.",
        (
            (
                "    if pool is not None and any(",
                "    limits = _DEFAULT_LIMITS\n    if pool is not None and any(",
            ),
        ),
    ),
    Fault(
        "images-allocated-for-kept",
        "PLADA-LIM-001",
        "Allocates for K images as soon as HEAD is read.",
        (
            (
                "    head = (pool,",
                "    for_images = [0] * kept\n    head = (pool,",
            ),
        ),
        resources=True,
    ),
    Fault(
        "chunks-allocated-before-bounds",
        "PLADA-LIM-001",
        "Allocates a chunk's body before it looks whether the file has as many bytes.",
        (
            (
                "        end = start + length\n",
                "        end = start + length\n        buffer = bytearray(length)\n",
            ),
        ),
    ),
    Fault(
        "streams-decompressed-first",
        "PLADA-LIM-001",
        "Decompresses a stream and compares sizes afterwards.",
        (
            (
                "        size = _examine_frame(stored)\n",
                "        size = _examine_frame(stored)\n        len(_decompress(stored, size))\n",
            ),
        ),
        resources=True,
    ),
    Fault(
        "texts-decompressed-first",
        "PLADA-LIM-001",
        "Decompresses a text and compares its size with the limit afterwards.",
        (
            (
                "        size = _examine_frame(text)\n",
                "        size = _examine_frame(text)\n        len(_decompress(text, size))\n",
            ),
        ),
        resources=True,
    ),
    Fault(
        "integers-allocated-first",
        "PLADA-LIM-001",
        "Allocates for the integers of a stream before it knows that they fit it.",
        (
            (
                "    pairs = (n + 1) // 2\n",
                "    values = [0] * n\n    pairs = (n + 1) // 2\n",
            ),
        ),
        resources=True,
    ),
    Fault(
        "smaller-metadata",
        "PLADA-LIM-002",
        "Reads metadata into 64 KiB with a zero byte behind it.",
        (
            (
                "    _refuse_if(size > limit, limit_code)\n",
                "    _refuse_if(size > min(limit, 65_535), limit_code)\n",
            ),
        ),
    ),
    Fault(
        "chunks-read-by-recursion",
        "PLADA-LIM-002",
        "Reads a block and calls itself for the rest of the file, up to a thousand calls deep.",
        (
            (
                "            _read_block(body, file)\n",
                "            _read_block(body, file)\n"
                "            if blocks > 990:\n                raise RecursionError\n",
            ),
        ),
    ),
)
