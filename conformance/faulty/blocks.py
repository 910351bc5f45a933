"""Faults with blocks, position encodings, labels and weights (section 8)."""

from __future__ import annotations

from .fault import OMITTED, Fault

FAULTS = (
    Fault(
        "count-0",
        "PLADA-BLK-001",
        "Reads a block without images, which does no harm.",
        (('    _refuse_if(count == 0, "block-empty")\n', ""),),
    ),
    Fault(
        "end-of-block-in-32-bits",
        "PLADA-BLK-002",
        "Adds `first` and `span` in 32 bits.",
        (
            (
                "_refuse_if(first + span > file.pool_size",
                "_refuse_if((first + span) % 2**32 > file.pool_size",
            ),
        ),
    ),
    Fault(
        "one-position-too-many",
        "PLADA-BLK-002",
        "Takes `first + span` for the last position of a block.",
        (("first + span > file.pool_size", "first + span - 1 > file.pool_size"),),
    ),
    Fault(
        "one-image-in-a-span-of-two",
        "PLADA-BLK-003",
        "Compares the span of one image with 2 instead of 1.",
        (("(count == 1 and span > 1)", "(count == 1 and span > 2)"),),
    ),
    Fault(
        "dense-and-zstd",
        "PLADA-BLK-004",
        "Decompresses every stream whose bit is set, dense ones too.",
        (
            (
                '_refuse_if(encoding == _DENSE_POSITIONS and packed_positions, "block-form")',
                OMITTED,
            ),
            ('_refuse_if(shift and packed_labels, "block-form")', OMITTED),
        ),
    ),
    Fault(
        "bitmaps-of-any-density",
        "PLADA-BLK-005",
        "Bounds the span of a bitmap by 2^28 and not by its count.",
        (("span > min(2**28, 4096 * count)", "span > 2**28"),),
    ),
    Fault(
        "bitmaps-of-any-span",
        "PLADA-BLK-005",
        "Bounds the span of a bitmap by its count and not by 2^28.",
        (("span > min(2**28, 4096 * count)", "span > 4096 * count"),),
    ),
    Fault(
        "streams-beyond-the-block",
        "PLADA-BLK-006",
        "Takes slices, which end where the block does.",
        (('_refuse_if(labels_end > len(streams), "block-streams")', OMITTED),),
    ),
    Fault(
        "blocks-that-share-a-position",
        "PLADA-BLK-007",
        "Keeps the last position of a block, and lets the next one start there.",
        (("    file.end = first + span\n", "    file.end = first + span - 1\n"),),
    ),
    Fault(
        "blocks-sorted",
        "PLADA-BLK-007",
        "Sorts positions instead of refusing blocks that descend.",
        (
            ('_refuse_if(first < file.end, "block-order")', OMITTED),
            (
                "    content_id = _content_id(file)\n",
                "    images = sorted(zip(file.positions, file.labels, file.codes or file.labels))\n"
                "    for rank, (position, label, code) in enumerate(images):\n"
                "        file.positions[rank], file.labels[rank] = position, label\n"
                "        if file.codes:\n"
                "            file.codes[rank] = code\n"
                "    content_id = _content_id(file)\n",
            ),
        ),
    ),
    Fault(
        "bits-beyond-a-bitmap",
        "PLADA-IDX-001",
        "Reads as many bits as the span has, and no more.",
        (
            (
                '_refuse_if(data[-1] >> last_bit >> 1, "padding-bits")',
                "data = data[:-1] + bytes([data[-1] & (2 << last_bit) - 1])",
            ),
        ),
    ),
    Fault(
        "images-of-runs-uncounted",
        "PLADA-IDX-002",
        "Adds up all runs, and not those that are kept.",
        (('_refuse_if(sum(lengths[:runs]) != count, "position-count")', OMITTED),),
    ),
    Fault(
        "loose-end-of-a-bitmap",
        "PLADA-IDX-003",
        "Checks the first position of a bitmap, and forgets the last one.",
        (
            (
                "_refuse_if(not data[0] & 1 or not data[-1] >> last_bit,",
                "_refuse_if(not data[0] & 1,",
            ),
        ),
    ),
    Fault(
        "last-byte-of-a-bitmap",
        "PLADA-IDX-003",
        "Checks that the last byte of a bitmap is not zero.",
        (("not data[-1] >> last_bit,", "not data[-1],"),),
    ),
    Fault(
        "bits-from-the-left",
        "PLADA-IDX-003",
        "Numbers the bits of a bitmap from the most significant one.",
        (
            ("if byte >> bit & 1] for byte", "if byte << bit & 128] for byte"),
            ("data[-1] >> last_bit >> 1", "data[-1] << last_bit & 127"),
            (
                "not data[0] & 1 or not data[-1] >> last_bit",
                "not data[0] & 128 or not data[-1] << last_bit & 128",
            ),
        ),
    ),
    Fault(
        "distances-that-fall-short",
        "PLADA-IDX-004",
        "Checks that distances do not leave the range, and not that they reach its end.",
        (("_refuse_if(sum(distances) != span - 1,", "_refuse_if(sum(distances) > span - 1,"),),
    ),
    Fault(
        "distances-modulo-2-to-64",
        "PLADA-IDX-004",
        "Adds up distances in 64 bits, which wrap around.",
        (
            (
                "_refuse_if(sum(distances) != span - 1,",
                "_refuse_if(sum(distances) % 2**64 != span - 1,",
            ),
            (
                "positions.extend(accumulate(distances, initial=first))",
                "positions.extend(each % 2**64 for each in accumulate(distances, initial=first))",
            ),
        ),
    ),
    Fault(
        "runs-by-images-only",
        "PLADA-IDX-005",
        "Bounds the number of runs by that of images, and forgets that of gaps.",
        (('<= min(count, span - count + 1), "run-count"', '<= count, "run-count"'),),
    ),
    Fault(
        "runs-that-go-too-far",
        "PLADA-IDX-006",
        "Checks how many images the runs keep, and not where they end.",
        (('_refuse_if(sum(lengths) != span, "run-total")', OMITTED),),
    ),
    Fault(
        "label-c",
        "PLADA-LAB-001",
        "Compares labels with C by > instead of >=.",
        (("_refuse_if(max(labels) >= classes", "_refuse_if(max(labels) > classes"),),
    ),
    Fault(
        "labels-in-pairs-of-bytes",
        "PLADA-LAB-001",
        "Forgets that 16-bit labels are planes, low bytes before high bytes.",
        (
            (
                "        pairs[0::2] = data[:count]\n",
                "        pairs[0::2] = data[: 2 * count : len(data) // count]\n",
            ),
            ("        pairs[1::2] = data[count:]\n", "        pairs[1::2] = data[1::2]\n"),
        ),
    ),
    Fault(
        "256-classes-in-two-bytes",
        "PLADA-LAB-001",
        "Takes two bytes for the labels of 256 classes, as 256 does not fit one.",
        (
            ("1 if classes <= 256 else 2", "1 if classes < 256 else 2"),
            ("    if classes > 256:\n        pairs", "    if classes >= 256:\n        pairs"),
        ),
    ),
    Fault(
        "low-bytes-in-range",
        "PLADA-LAB-001",
        "Checks labels byte by byte, before high and low bytes are put together.",
        (("_refuse_if(max(labels) >= classes", "_refuse_if(max(pairs[0::2]) >= classes"),),
    ),
    Fault(
        "unused-half-of-codes",
        "PLADA-LAB-002",
        "Drops the unused half of the last byte of weight codes.",
        (('_refuse_if(count % 2 and codes.pop(), "padding-bits")', "count % 2 and codes.pop()"),),
    ),
    Fault(
        "codes-from-the-left",
        "PLADA-LAB-002",
        "Takes the high half of a byte for the first of two codes.",
        (
            (
                "    codes = _halves(data)\n",
                "    codes = _halves(data)\n"
                "    codes[0::2], codes[1::2] = codes[1::2], codes[0::2]\n",
            ),
        ),
    ),
)
