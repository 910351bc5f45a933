"""Faults with the preamble, chunks, checksums, varints and features (sections 2 and 4)."""

from __future__ import annotations

from .fault import OMITTED, Fault

FAULTS = (
    Fault(
        "magic-of-four-bytes",
        "PLADA-CON-001",
        "Compares four bytes of the magic, as many as other formats have.",
        (("_MAGIC.startswith(data[: len(_MAGIC)])", "_MAGIC.startswith(data[:4])"),),
    ),
    Fault(
        "version-at-least-1",
        "PLADA-CON-002",
        "Expects that newer versions can be read by older readers.",
        (("data[len(_MAGIC)] != 1", "data[len(_MAGIC)] < 1"),),
    ),
    Fault(
        "reserved-type-bit-ignored",
        "PLADA-CON-003",
        "Masks the reserved bit out, as reserved bits often are to be ignored.",
        (
            (
                "reserved, safe_without_ancillary = kind & 0x20,",
                "reserved, safe_without_ancillary = 0,",
            ),
        ),
    ),
    Fault(
        "head-after-ancillary",
        "PLADA-CON-004",
        "Skips ancillary chunks before it looks for HEAD.",
        (
            ("not before and kind != _HEAD,", "not before and kind != _HEAD and kind < 0x80,"),
            ("        if file is None:\n", "        if kind == _HEAD:\n"),
        ),
    ),
    Fault(
        "unknown-critical-skipped",
        "PLADA-CON-005",
        "Skips every chunk that it does not know, as readers of RIFF do.",
        (('_refuse_if(kind < 0x80 and not known, "unknown-critical-chunk")', OMITTED),),
    ),
    Fault(
        "duplicates-of-known-chunks-only",
        "PLADA-CON-006",
        "Counts the chunks that it uses, and no others.",
        (
            (
                "kind != _BLOCK and kind in before",
                "kind in _ORDER and kind != _BLOCK and kind in before",
            ),
        ),
    ),
    Fault(
        "duplicates-side-by-side-only",
        "PLADA-CON-006",
        "Compares the type of each chunk with that of the one before.",
        (("kind != _BLOCK and kind in before", "kind != _BLOCK and kind in before[-1:]"),),
    ),
    Fault(
        "any-order",
        "PLADA-CON-007",
        "Dispatches on the type of each chunk, wherever it stands.",
        (('_refuse("chunk-order")', OMITTED),),
    ),
    Fault(
        "metadata-anywhere",
        "PLADA-CON-007",
        "Lets META stand anywhere, as it is ancillary and means nothing.",
        (("_ORDER = [_HEAD, _CLASS_MAP, _META,", "_ORDER = [_HEAD, _CLASS_MAP,"),),
    ),
    Fault(
        "end-of-file-for-end",
        "PLADA-CON-008",
        "Reads chunks while there are bytes, so that END is not needed.",
        (
            (
                "        kind, length, start = _read_header(data, at)\n",
                "        if file and at == len(data):\n            return file, at\n"
                "        kind, length, start = _read_header(data, at)\n",
            ),
        ),
    ),
    Fault(
        "trailing-bytes-ignored",
        "PLADA-CON-009",
        "Stops reading at END.",
        (('_refuse_if(at != len(data), "trailing-bytes")', OMITTED),),
    ),
    Fault(
        "trailing-zeros-ignored",
        "PLADA-CON-009",
        "Allows zero bytes after END, as tape and flash leave them.",
        (("_refuse_if(at != len(data),", '_refuse_if(data[at:].strip(b"\\0"),'),),
    ),
    Fault(
        "end-with-a-body",
        "PLADA-CON-010",
        "Does not look into END, in which there is nothing to read.",
        (('_refuse_if(body, "body-long")', OMITTED),),
    ),
    Fault(
        "unknown-chunks-before-blocks-only",
        "PLADA-CON-011",
        "Reads blocks in a loop of their own, in which there are only blocks and END.",
        (
            (
                "    if kind in _ORDER and set(",
                "    if kind not in _ORDER and _BLOCK in before or kind in _ORDER and set(",
            ),
        ),
    ),
    Fault(
        "bit-6-masked",
        "PLADA-CON-011",
        "Masks `safe to copy` out before it compares types, so that 81 is META and C2 is SIGN.",
        (
            ("_META, _RULE = 0x01, 0x02, 0xC1, 0x05", "_META, _RULE = 0x01, 0x02, 0x81, 0x05"),
            (
                "    return kind, length, start\n",
                "    return kind & (0xBF if kind & 0x80 else 0xFF), length, start\n",
            ),
        ),
    ),
    Fault(
        "ancillary-crc-ignored",
        "PLADA-CON-012",
        "Skips unknown chunks as a whole, with their CRC.",
        (("_refuse_if(crc != int", "_refuse_if(kind in _ORDER and crc != int"),),
    ),
    Fault(
        "crc-of-end-ignored",
        "PLADA-CON-012",
        "Is done when it sees the type of END.",
        (("_refuse_if(crc != int", "_refuse_if(kind != _END and crc != int"),),
    ),
    Fault(
        "crc-without-seed-too",
        "PLADA-CON-012",
        "Accepts a CRC that does not continue HEAD's, as in PNG.",
        (
            (
                '_refuse_if(crc != int.from_bytes(data[end : end + 4], "little"),',
                '_refuse_if(int.from_bytes(data[end : end + 4], "little") '
                "not in (crc, zlib.crc32(data[at:end])),",
            ),
        ),
    ),
    Fault(
        "overlong-varints",
        "PLADA-INT-002",
        "Takes the varint loop of protobuf, which accepts over-long spellings.",
        (('_refuse_if(byte == 0 and index > 0, "varint-overlong")', OMITTED),),
    ),
    Fault(
        "varints-of-ten-bytes",
        "PLADA-INT-001",
        "Reads up to ten bytes, as many as 64 bits take.",
        (
            (
                "    for index in range(8):\n        _refuse_if(at == ",
                "    for index in range(10):\n        _refuse_if(at == ",
            ),
        ),
    ),
    Fault(
        "shifts-of-32-bits",
        "PLADA-INT-001",
        "Shifts in 32 bits, as `<<` does in JavaScript and on C's int.",
        (("(byte & 127) << (7 * index)", "(byte & 127) << (7 * index & 31)"),),
    ),
    Fault(
        "varints-read-from-the-file",
        "PLADA-HEAD-001",
        "Reads fields from the file, and does not look where the body ends.",
        (
            (
                '        value, self._at = _read_varint(self._body, self._at, "body-short")',
                '        more = self._body + b"\\x01" * 8\n'
                '        value, self._at = _read_varint(more, self._at, "body-short")',
            ),
        ),
    ),
    Fault(
        "features-by-the-form",
        "PLADA-FEAT-001",
        "Sees in each block what it needs, and so has no use for the features of HEAD.",
        (('_refuse_if(not file.features & feature, "feature-undeclared")', OMITTED),),
    ),
    Fault(
        "metadata-needs-zstd",
        "PLADA-FEAT-001",
        "Reads META by the function for CLASSES, which wants the feature `zstd`.",
        (
            (
                '    _, data = _read_text(body, limits.metadata, "limit-metadata", None)\n',
                '    _, data = _read_text(body, limits.metadata, "limit-metadata", None)\n'
                '    _refuse_if(body[0] & 1 and not file.features & _ZSTD, "feature-undeclared")\n',
            ),
        ),
    ),
    Fault(
        "unused-features-allowed",
        "PLADA-FEAT-002",
        "Takes required features for a list of what may come.",
        (('_refuse("feature-unused")', OMITTED),),
    ),
    Fault(
        "metadata-uses-zstd",
        "PLADA-FEAT-002",
        "Counts compressed metadata as a use of `zstd`.",
        (
            (
                '    _, data = _read_text(body, limits.metadata, "limit-metadata", None)\n',
                '    _, data = _read_text(body, limits.metadata, "limit-metadata", None)\n'
                "    file.used |= body[0] & 1\n",
            ),
        ),
    ),
    Fault(
        "class-map-does-not-use-zstd",
        "PLADA-FEAT-002",
        "Notes what streams of blocks use, and forgets the class map.",
        (
            (
                "            _use(file, _ZSTD)\n        size = _examine_frame(text)",
                '            _refuse_if(not file.features & _ZSTD, "feature-undeclared")\n'
                "        size = _examine_frame(text)",
            ),
        ),
    ),
)
