"""Faults with streams, the Zstandard profile and split integers (section 7)."""

from __future__ import annotations

from .fault import OMITTED, Fault

FAULTS = (
    Fault(
        "empty-frames",
        "PLADA-STR-001",
        "Decompresses whatever is marked as compressed, nothing included.",
        (
            (
                "        size = _examine_frame(stored)\n"
                '        _refuse_if(size == 0, "empty-compressed")\n',
                "        size = _examine_frame(stored)\n",
            ),
        ),
    ),
    Fault(
        "stored-size-below-max-stream",
        "PLADA-STR-002",
        "Compares `max_stream` with the size of the frame, before it is decompressed.",
        (("_refuse_if(size > file.max_stream,", "_refuse_if(len(stored) > file.max_stream,"),),
    ),
    Fault(
        "sizes-of-streams-unchecked",
        "PLADA-STR-003",
        "Decodes streams without a look at their size, which the decoders would find out.",
        (('_refuse_if(sizes and not sizes[0] <= size <= sizes[1], "stream-size")', OMITTED),),
    ),
    Fault(
        "delta-bounded-by-the-span",
        "PLADA-STR-003",
        "Bounds distances by the span, not by one less.",
        (("_split_sizes(count - 1, max(span - 1, 1))", "_split_sizes(count - 1, span)"),),
    ),
    Fault(
        "rle-bounded-by-the-count",
        "PLADA-STR-003",
        "Bounds the number of runs by that of images, and forgets that of gaps.",
        (("2 * min(count, span - count + 1) - 1, span)", "2 * count - 1, span)"),),
    ),
    Fault(
        "wide-from-16",
        "PLADA-STR-003",
        "Counts a byte for wide widths from 16, as four bits hold up to 15.",
        (("(n if width >= 15 else 0)", "(n if width > 15 else 0)"),),
    ),
    Fault(
        "reserved-bit-of-frames",
        "PLADA-ZST-001",
        "Leaves the reserved bit of a frame to the library, which says that the frame is corrupt.",
        (('_refuse_if(descriptor & 8, "zstd-frame")', OMITTED),),
    ),
    Fault(
        "frames-of-four-bytes",
        "PLADA-ZST-001",
        "Reads the byte behind the magic number before it knows that there is one.",
        (('_refuse_if(len(frame) < 5, "zstd-frame")', OMITTED),),
    ),
    Fault(
        "skippable-frames-skipped",
        "PLADA-ZST-002",
        "Skips skippable frames.",
        (
            (
                '    _refuse_if(magic & ~15 == 0x184D2A50, "zstd-skippable")\n',
                "    if magic & ~15 == 0x184D2A50:\n"
                '        skipped = 8 + int.from_bytes(frame[4:8], "little")\n'
                "        return _examine_frame(frame[skipped:])\n",
            ),
        ),
    ),
    Fault(
        "dictionaries-left-to-the-library",
        "PLADA-ZST-003",
        "Lets the library refuse dictionaries that it lacks, which is none where the id is 0.",
        (
            (
                '_refuse_if(descriptor & 3, "zstd-dictionary")',
                "dictionary = [0, 1, 2, 4][descriptor & 3]",
            ),
            (
                "    at = 5 if single_segment else 6 ",
                "    at = dictionary + (5 if single_segment else 6) ",
            ),
        ),
    ),
    Fault(
        "missing-size-is-0",
        "PLADA-ZST-004",
        "Takes a content size that is not stated for 0.",
        (('_refuse_if(size_bytes == 0, "zstd-no-size")', OMITTED),),
    ),
    Fault(
        "window-of-the-library",
        "PLADA-ZST-005",
        "Allows windows of 128 MiB, as the library does.",
        (("<= window <= 8 * 2**20", "<= window <= 128 * 2**20"),),
    ),
    Fault(
        "window-without-mantissa",
        "PLADA-ZST-005",
        "Reads the exponent of the window and not its mantissa.",
        (("window = base + base // 8 * (frame[5] & 7)", "window = base"),),
    ),
    Fault(
        "window-below-the-content",
        "PLADA-ZST-005",
        "Knows that a window can be too large, and not that it can be too small.",
        (("not min(size, 8 * 2**20) <= window <=", "not window <="),),
    ),
    Fault(
        "single-segment-without-window",
        "PLADA-ZST-005",
        "Thinks that a frame without a window descriptor has no window.",
        (("    window = size\n", "    window = min(size, 8 * 2**20)\n"),),
    ),
    Fault(
        "second-frame-unnoticed",
        "PLADA-ZST-006",
        "Trusts the library to notice what follows the frame.",
        (
            ('_refuse_if(len(frame) > at, "zstd-trailing")', OMITTED),
            ("max_output_size=size)", "max_output_size=size, allow_extra_data=True)"),
        ),
    ),
    Fault(
        "errors-of-the-library-unchecked",
        "PLADA-ZST-007",
        "Does not look at what the library returns, and takes the buffer as it is.",
        (('        raise Refused("zstd-corrupt") from error\n', "        return bytes(size)\n"),),
    ),
    Fault(
        "blocks-of-128-kib-in-small-windows",
        "PLADA-ZST-008",
        "Allows blocks of 128 KiB in frames whose window is smaller.",
        (("length > min(window, 128 * 2**10)", "length > 128 * 2**10"),),
    ),
    Fault(
        "checksums-left-to-the-library",
        "PLADA-ZST-009",
        "Has the library check content checksums, as it offers to.",
        (
            ('_refuse_if(descriptor & 4, "zstd-checksum")', OMITTED),
            ("_refuse_if(len(frame) > at,", "_refuse_if(len(frame) > at + (descriptor & 4),"),
        ),
    ),
    Fault(
        "widths-of-64-bits",
        "PLADA-SPL-001",
        "Allows widths up to 63, for which it has the room.",
        (("<= max(wide) <= 52", "<= max(wide) <= 63"),),
    ),
    Fault(
        "low-bits-in-64-bits",
        "PLADA-SPL-001",
        "Keeps unused bits in the same 64 bits that the next eight bytes go to.",
        (
            (
                '"little") << have\n',
                '"little") << have\n            buffer &= 2**64 - 1\n',
            ),
        ),
    ),
    Fault(
        "integers-of-32-bits",
        "PLADA-SPL-001",
        "Uses 32-bit shifts for distances beyond 2^31.",
        (("leading = 1 << width\n", "leading = 1 << (width & 31)\n"),),
    ),
    Fault(
        "bytes-after-integers",
        "PLADA-SPL-002",
        "Stops reading after the last integer.",
        (
            ("_refuse_if(len(low) != (bits + 7) // 8", "_refuse_if(len(low) < (bits + 7) // 8"),
            ("_refuse_if(bits % 8 and low[-1] >>", "_refuse_if(bits % 8 and low[bits // 8] >>"),
        ),
    ),
    Fault(
        "unused-half-of-widths",
        "PLADA-SPL-003",
        "Drops the unused half of the last byte of widths.",
        (('_refuse_if(n % 2 and widths.pop(), "padding-bits")', "n % 2 and widths.pop()"),),
    ),
)
