"""Faults with the order of checks (section 14): the right checks, another one first."""

from __future__ import annotations

from .fault import Fault, Patch

RULE = "PLADA-CHK-001"


def _swap(first: str, second: str) -> tuple[Patch, ...]:
    """Exchange two pieces of the text."""
    return ((first, "\0"), (second, first), ("\0", second))


def _move(text: str, before: str) -> tuple[Patch, ...]:
    """Move a piece of the text before another one."""
    return ((text, ""), (before, text + before))


FAULTS = (
    Fault(
        "type-before-head",
        RULE,
        "Looks whether it knows a chunk before it looks whether HEAD came first.",
        _swap(
            '    _refuse_if(not before and kind != _HEAD, "head-missing")\n',
            '    _refuse_if(kind < 0x80 and not known, "unknown-critical-chunk")\n',
        ),
    ),
    Fault(
        "order-before-duplicates",
        RULE,
        "Finds by the order of chunks that one is late, before it sees that it is a second one.",
        (
            ('    _refuse_if(kind != _BLOCK and kind in before, "chunk-duplicate")\n', ""),
            (
                '        _refuse("chunk-order")\n',
                '        _refuse("chunk-order")\n'
                '    _refuse_if(kind != _BLOCK and kind in before, "chunk-duplicate")\n',
            ),
        ),
    ),
    Fault(
        "length-before-type",
        RULE,
        "Reads a chunk's whole header before it looks at the type.",
        _move(
            '    length, start = _read_varint(data, at + 1, "truncated")\n',
            "    _refuse_if(reserved or safe_without_ancillary or not kind & 0x1F, ",
        ),
    ),
    Fault(
        "checksum-before-place",
        RULE,
        "Checks the CRC of a chunk before it looks at anything in it.",
        (
            ("        _check_place(kind, before, file.features if file else 0)\n", ""),
            (
                "        body, at = data[start:end], end + 4\n",
                "        _check_place(kind, before, file.features if file else 0)\n"
                "        body, at = data[start:end], end + 4\n",
            ),
        ),
    ),
    Fault(
        "limits-before-bounds",
        RULE,
        "Compares a body with its limit before it looks whether it is there.",
        _move(
            "        _refuse_if(kind == _META and length > limits.metadata + 1, "
            '"limit-metadata")\n',
            '        _refuse_if(end + 4 > len(data), "truncated")\n',
        ),
    ),
    Fault(
        "head-as-it-is-read",
        RULE,
        "Checks each field of HEAD as soon as it is read.",
        _move(
            '    _refuse_if(kept > pool_size, "kept-over-pool")\n'
            '    _refuse_if(not 1 <= classes <= 65_536, "class-count")\n',
            "    features, max_stream, check = fields.varint(), fields.varint(), fields.take(4)\n",
        ),
    ),
    Fault(
        "names-one-after-the-other",
        RULE,
        "Decodes and checks names one by one, so that a later one may never be decoded.",
        (
            (
                '        entries = [entry.decode("utf-8") for entry in raw]\n',
                "        for entry in raw:\n"
                '            _refuse_if(not entry and not has_identifiers, "name-empty")\n'
                '            entry.decode("utf-8")\n'
                '        entries = [entry.decode("utf-8") for entry in raw]\n',
            ),
        ),
    ),
    Fault(
        "utf8-of-identifiers-later",
        RULE,
        "Decodes and checks the names before it decodes the identifiers.",
        (
            (
                '        entries = [entry.decode("utf-8") for entry in raw]\n',
                '        entries = [entry.decode("utf-8") for entry in raw[:classes]]\n'
                "        _check_names(entries, may_be_empty=False)\n"
                '        entries += [entry.decode("utf-8") for entry in raw[classes:]]\n',
            ),
        ),
    ),
    Fault(
        "duplicates-counted-at-the-end",
        RULE,
        "Compares the number of names with that of a set of them, after all else.",
        (
            ('        _refuse_if(name in seen, "name-duplicate")\n', ""),
            (
                "        seen.add(name)\n",
                "        seen.add(name)\n"
                '    _refuse_if(len(seen) != sum(map(bool, names)), "name-duplicate")\n',
            ),
        ),
    ),
    Fault(
        "identifiers-before-names",
        RULE,
        "Checks identifiers before names.",
        _swap(
            "    _check_names(names, may_be_empty=False)\n",
            "    _check_names(identifiers, may_be_empty=True)\n",
        ),
    ),
    Fault(
        "feature-before-form",
        RULE,
        "Looks at the bit for Zstd before it looks at the reserved ones.",
        _move(
            '    _refuse_if(form > (3 if file else 1), "text-form")\n',
            "    return form, _decompress(text, size) if compressed else text\n",
        ),
    ),
    Fault(
        "metadata-at-the-end",
        RULE,
        "Leaves the metadata for the end, as it means nothing.",
        (
            (
                "            _read_metadata(body, file, limits)\n",
                "            vars(file)['later'] = body\n",
            ),
            (
                '            _refuse_if(body, "body-long")\n            return file, at\n',
                '            _refuse_if(body, "body-long")\n'
                "            if 'later' in vars(file):\n"
                "                _read_metadata(vars(file)['later'], file, limits)\n"
                "            return file, at\n",
            ),
        ),
    ),
    Fault(
        "block-form-first",
        RULE,
        "Looks at the form of a block before it looks at its range.",
        _move(
            '    _refuse_if(packed_codes and not weighted, "block-form")\n',
            '    _refuse_if(first + span > file.pool_size, "block-outside-pool")\n',
        ),
    ),
    Fault(
        "block-order-first",
        RULE,
        "Looks first where a block lies among the others.",
        _move(
            '    _refuse_if(first < file.end, "block-order")\n',
            '    _refuse_if(first + span > file.pool_size, "block-outside-pool")\n',
        ),
    ),
    Fault(
        "streams-one-after-the-other",
        RULE,
        "Decodes each stream as soon as it is examined.",
        (
            (
                "    sizes = None if shift else _label_sizes(file.classes, count)\n",
                "    if encoding == _DELTA:\n"
                "        lengths = _read_split(positions.decode(), count - 1)\n"
                '        _refuse_if(sum(lengths) != span - 1, "distance-total")\n'
                "    elif encoding == _RLE:\n"
                "        _read_rle(positions.decode(), first, span, count, file.positions[:0])\n"
                "    sizes = None if shift else _label_sizes(file.classes, count)\n",
            ),
        ),
    ),
    Fault(
        "all-streams-decompressed-first",
        RULE,
        "Decompresses all streams before it decodes the first one.",
        (
            (
                "    start = len(file.positions)\n    data = positions.decode()\n",
                "    start = len(file.positions)\n"
                "    data = positions.decode()\n"
                "    labels.decode()\n"
                "    if weighted:\n        codes.decode()\n",
            ),
        ),
    ),
    Fault(
        "features-of-all-streams-first",
        RULE,
        "Looks by the form which features a block needs, before it looks at its streams.",
        (
            (
                "    # All streams are examined",
                "    if packed_positions or packed_labels or packed_codes:\n"
                "        _use(file, _ZSTD)\n"
                "    # All streams are examined",
            ),
        ),
    ),
    Fault(
        "bitmap-ends-before-padding",
        RULE,
        "Looks at the ends of a bitmap before it looks beyond them.",
        _move(
            '    _refuse_if(not data[0] & 1 or not data[-1] >> last_bit, "block-not-tight")\n',
            '    _refuse_if(data[-1] >> last_bit >> 1, "padding-bits")\n',
        ),
    ),
    Fault(
        "widths-before-their-number",
        RULE,
        "Checks wide widths as it reads them, and misses the last one afterwards.",
        _swap(
            '    _refuse_if(len(wide) < wide_count, "integer-size")\n',
            '    _refuse_if(wide and not 15 <= min(wide) <= max(wide) <= 52, "integer-width")\n',
        ),
    ),
    Fault(
        "window-before-header",
        RULE,
        "Reads a content size that is cut short as if zeros followed it.",
        (('    _refuse_if(len(frame) < at + size_bytes, "zstd-frame")\n', ""),),
    ),
    Fault(
        "check-before-max-stream",
        RULE,
        "Compares `check` before `max_stream`.",
        _move(
            "    content_id = _content_id(file)\n"
            '    _refuse_if(content_id[:4] != file.check, "content-check")\n',
            '    _refuse_if(file.largest != file.max_stream, "max-stream")\n',
        ),
    ),
)
