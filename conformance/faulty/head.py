"""Faults with HEAD, what it promises, and the content id (sections 5 and 11)."""

from __future__ import annotations

from .fault import OMITTED, Fault

FAULTS = (
    Fault(
        "slices-end-early",
        "PLADA-HEAD-001",
        "Takes slices, which end early without a word where the body does.",
        (
            (
                '        _refuse_if(size > len(self._body) - self._at, "body-short")\n',
                '        _refuse_if(self._at >= len(self._body), "body-short")\n',
            ),
        ),
    ),
    Fault(
        "head-may-go-on",
        "PLADA-HEAD-002",
        "Leaves room in HEAD for fields of later versions.",
        (('_refuse_if(fields.rest(), "body-long")\n    _refuse_if(kept', "_refuse_if(kept"),),
    ),
    Fault(
        "signature-may-go-on",
        "PLADA-HEAD-002",
        "Leaves room in SIGN for longer signatures.",
        (('fields.take(64)\n    _refuse_if(fields.rest(), "body-long")', "fields.take(64)"),),
    ),
    Fault(
        "more-kept-than-pool",
        "PLADA-HEAD-003",
        "Relies on the blocks, none of which can lie outside the pool.",
        (('_refuse_if(kept > pool_size, "kept-over-pool")', OMITTED),),
    ),
    Fault(
        "class-count-of-16-bits",
        "PLADA-HEAD-004",
        "Keeps C in 16 bits, which 65,536 does not fit.",
        (("not 1 <= classes <= 65_536", "not 1 <= classes <= 65_535"),),
    ),
    Fault(
        "features-of-32-bits",
        "PLADA-HEAD-005",
        "Keeps the feature set in 32 bits.",
        (("features & ~known_features", "features & ~known_features & 0xFFFFFFFF"),),
    ),
    Fault(
        "weight-scale-by-a-double",
        "PLADA-HEAD-006",
        "Computes the largest weight as a double and checks that it is finite.",
        (("* step > 261_888", "* step >= 1024 * 256"),),
    ),
    Fault(
        "weight-scale-without-sign",
        "PLADA-HEAD-006",
        "Reads the low end of the weight scale as unsigned.",
        (
            ('struct.unpack("<BhH"', 'struct.unpack("<BHH"'),
            ('struct.pack("<BhH"', 'struct.pack("<BHH"'),
        ),
    ),
    Fault(
        "weight-scale-of-255-steps",
        "PLADA-HEAD-006",
        "Takes 255 for the largest code, with 4 bits too.",
        (("low + (2**bits - 1) * step", "low + 255 * step"),),
    ),
    Fault(
        "kept-is-a-hint",
        "PLADA-HEAD-007",
        "Uses K to allocate and counts images itself.",
        (('_refuse_if(len(file.positions) != file.kept, "kept-total")', OMITTED),),
    ),
    Fault(
        "kept-compared-at-the-end",
        "PLADA-HEAD-007",
        "Compares the number of images with K once, after the last block.",
        (('_refuse_if(len(file.positions) + count > file.kept, "kept-total")', OMITTED),),
    ),
    Fault(
        "max-stream-is-a-bound",
        "PLADA-HEAD-008",
        "Takes `max_stream` for an upper bound.",
        (('_refuse_if(file.largest != file.max_stream, "max-stream")', OMITTED),),
    ),
    Fault(
        "max-stream-as-stored",
        "PLADA-HEAD-008",
        "Compares `max_stream` with the sizes in the blocks, which are stored ones.",
        (("max(file.largest, size)", "max(file.largest, len(stored))"),),
    ),
    Fault(
        "max-stream-of-the-last-block",
        "PLADA-HEAD-008",
        "Starts its maximum again with each block.",
        (
            (
                "    # All streams are examined",
                "    file.largest = 0\n    # All streams are examined",
            ),
        ),
    ),
    Fault(
        "max-stream-without-weights",
        "PLADA-HEAD-008",
        "Had positions and labels when it was written, and weights came later.",
        (
            (
                "        codes = _examine_stream(",
                "        largest = file.largest\n        codes = _examine_stream(",
            ),
            (
                "    start = len(file.positions)\n",
                "    file.largest = largest if weighted else file.largest\n"
                "    start = len(file.positions)\n",
            ),
        ),
    ),
    Fault(
        "check-ignored",
        "PLADA-HEAD-009",
        "Leaves `check` alone, as the chunks have checksums.",
        (('_refuse_if(content_id[:4] != file.check, "content-check")', OMITTED),),
    ),
    Fault(
        "positions-of-32-bits-below-2-to-32",
        "PLADA-HEAD-009",
        "Hashes positions as u32 where N is below 2^32, not up to it.",
        (("pool_size <= 2**32", "pool_size < 2**32"),),
    ),
    Fault(
        "positions-as-wide-as-they-need",
        "PLADA-HEAD-009",
        "Chooses between u32 and u64 by the largest position.",
        (
            (
                "hashlib.sha256(_little_endian(file.positions))",
                "hashlib.sha256(_little_endian(array("
                '"I" if max(file.positions, default=0) < 2**32 else "Q", file.positions)))',
            ),
        ),
    ),
    Fault(
        "classes-hashed-as-u16",
        "PLADA-HEAD-009",
        "Hashes C from a field of 16 bits.",
        (("len(file.positions), file.classes)", "len(file.positions), file.classes & 0xFFFF)"),),
    ),
    Fault(
        "identifiers-hashed-with-names",
        "PLADA-HEAD-009",
        "Hashes each class with its name and its identifier, class by class.",
        (
            (
                "(file.names or []) + (file.identifiers or [])",
                "[text for pair in zip(file.names or [], file.identifiers) for text in pair] "
                "if file.identifiers else file.names or []",
            ),
        ),
    ),
    Fault(
        "names-hashed-by-characters",
        "PLADA-HEAD-009",
        "Hashes the length of a name in characters.",
        (("bytes([len(text)]) + text)", "bytes([len(name)]) + text)"),),
    ),
    Fault(
        "codes-hashed-as-stored",
        "PLADA-HEAD-009",
        "Hashes weight codes of 4 bits two by two, as they are stored.",
        (
            (
                "content.update(hashlib.sha256(file.codes)",
                "content.update(hashlib.sha256(file.codes if file.weight_scale is None "
                "or file.weight_scale[0] == 8 else bytes(a | b << 4 for a, b in "
                'zip(file.codes[::2], file.codes[1::2] + b"\\0")))',
            ),
        ),
    ),
    Fault(
        "metadata-hashed",
        "PLADA-HEAD-009",
        "Hashes metadata with the rest, so that two files with other notes mean two things.",
        (
            (
                "    content.update(hashlib.sha256(file.codes)",
                "    if file.metadata:\n"
                "        content.update(json.dumps(file.metadata).encode())\n"
                "    content.update(hashlib.sha256(file.codes)",
            ),
        ),
    ),
)
