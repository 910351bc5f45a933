"""Files with several faults, of which the first check finds one (specification, section 14).

Each file breaks as many later checks as it can beside the one that it is to be refused for.
"""

from __future__ import annotations

from .. import appendix_b as spec
from .. import zstd_frames as frames
from ..build import (
    BITMAP,
    DELTA,
    DENSE,
    RLE,
    WEIGHTS_ZSTD,
    Chunk,
    Draft,
    Meaning,
    Stream,
    changed,
    draft,
    metadata_chunk,
    names_chunk,
    varint,
)
from ..vector import Case, invalid, limit

SKIPPABLE = b"\x50\x2a\x4d\x18\x00\x00\x00\x00\x00"
BROKEN = frames.frame(frames.raw(b"\x00\x00\x01\x01"), 5)
"""A frame that passes every check but that of its decoder: it states five bytes and holds four."""


def _first_chunk(kind: int, *, length: bytes | None = None) -> Case:
    """The worked example with this chunk before HEAD."""
    made = draft().build()
    extra = Draft(chunks=[Chunk(kind, length=length)]).build()
    start = extra.ranges[f"chunk {kind:02X}.type"][0]
    end = extra.ranges[f"chunk {kind:02X}.crc"][1]
    return Case(made.data[:9] + extra.data[start:end] + made.data[9:], (9, 10))


@invalid("head-missing", "PLADA-CON-004", "PLADA-CHK-001", twin=False)
def unknown_critical_before_head() -> Case:
    """An unknown critical chunk comes first: that HEAD is missing comes before its type."""
    return _first_chunk(0x1F)


@invalid("chunk-type", "PLADA-CON-003", "PLADA-CHK-001", twin=False)
def bad_type_before_head() -> Case:
    """The first chunk has a reserved type and an over-long length: its type comes first."""
    return _first_chunk(0x21, length=b"\x80\x00")


@invalid("chunk-type", "PLADA-CON-003", "PLADA-CHK-001", twin=False)
def bad_type_at_the_end_of_the_file() -> Case:
    """The file ends right behind a chunk type that is reserved: its type comes first."""
    made = draft()
    made.end, made.trailing = None, b"\x23"
    return Case(made, "trailing")


@invalid("varint-overlong", "PLADA-INT-002", "PLADA-CHK-001", twin=False)
def overlong_length_of_an_unknown_chunk() -> Case:
    """An unknown critical chunk has an over-long length: a header is read as a whole first."""
    made = draft()
    made.chunks.append(Chunk(0x05, length=b"\x80\x00"))
    return Case(made, "RULE.length")


@invalid("truncated", "PLADA-CON-008", "PLADA-CHK-001", twin=False)
def unknown_chunk_cut_in_its_length() -> Case:
    """The file ends inside the length of an unknown critical chunk: it is cut short first."""
    made = draft()
    made.end, made.trailing = None, b"\x05\x80"
    return Case(made, "trailing")


@invalid("truncated", "PLADA-CON-008", "PLADA-CHK-001", twin=False)
def metadata_cut_and_over_its_limit() -> Case:
    """Metadata beyond the limit that reaches beyond the file as well: the file comes first."""
    made = draft()
    made.chunks.append(Chunk(0xC1, {"form": b"\x00"}, length=varint(2**20)))
    return Case(made, "META.length")


@limit("truncated", "PLADA-CON-008", "PLADA-CHK-001")
def block_cut_and_over_the_limit() -> Case:
    """A third block where two are allowed, cut short as well: that comes first."""
    made = draft(parts=(slice(0, 2), slice(2, 4), slice(4, 5)))
    data = made.build()
    cut = data.ranges["BLOCK 2.labels"][1]
    return Case(data.data[:cut], (cut, cut), limits={"blocks": 2})


@limit("limit-class-map", "PLADA-LIM-001", "PLADA-CHK-001")
def class_map_over_limit_with_wrong_checksum() -> Case:
    """A class map beyond the limit with a wrong checksum: the limit comes first."""
    made = draft()
    made.chunks[0].crc = 0
    return Case(made, "CLASSES.length", limits={"class_map": 7})


# HEAD


@invalid("varint-overlong", "PLADA-INT-002", "PLADA-CHK-001", twin=False)
def overlong_field_of_a_short_head() -> Case:
    """The pool's size is over-long and HEAD ends inside `check`: fields come in their order."""
    made = draft()
    made.head = {"pool_size": b"\xe8\x87\x00", "check": bytes(3)}
    return Case(made, "HEAD.pool_size")


def _register_head() -> None:
    """Give HEAD all faults; each vector has one less than the one before."""
    beyond = {"kept": varint(2**25), "max_stream": varint(2**27)}
    unscaled = {**beyond, "weight_scale": bytes([5, 0, 0, 0, 0])}
    unknown = {**unscaled, "features": b"\x0a"}
    classless = {**unknown, "classes": b"\x00"}
    longer = {**classless, "more": b"\x00"}
    large = {"pool_size": varint(2**53 - 1)}
    steps = (
        ("head_wrong_from_its_end", "body-long", "HEAD-002", longer, "more", "a byte too many"),
        ("head_wrong_from_kept", "kept-over-pool", "HEAD-003", classless, "kept", "K"),
        ("head_wrong_from_classes", "class-count", "HEAD-004", classless | large, "classes", "C"),
        (
            "head_wrong_from_features",
            "unknown-feature",
            "HEAD-005",
            unknown | large,
            "features",
            "an unknown feature",
        ),
        (
            "head_wrong_from_weight_scale",
            "weight-scale",
            "HEAD-006",
            unscaled | large,
            "weight_scale",
            "the weight scale",
        ),
    )
    for name, code, rule, fields, fault, words in steps:

        def make(fields: dict[str, bytes] = fields, fault: str = fault) -> Case:
            made = draft(changed(scale=(8, 0, 1), codes=(0,) * 5))
            made.head = fields
            return Case(made, f"HEAD.{fault}")

        make.__name__ = name
        make.__doc__ = f"HEAD breaks {words} and every check that follows."
        invalid(code, f"PLADA-{rule}", "PLADA-CHK-001", area="order", twin=False)(make)


_register_head()

# CLASSES and META


def _names(text: bytes, form: int = 0, *, classes: int = 2) -> Case:
    made = draft(changed(classes=classes))
    made.chunks = [names_chunk(text, form)]
    return Case(made, "CLASSES.text")


@invalid("text-form", "PLADA-TXT-001", "PLADA-CHK-001", twin=False)
def form_comes_before_the_feature() -> Case:
    """The form of CLASSES has a reserved bit and needs `zstd`, which HEAD does not require."""
    made = draft()
    made.chunks = [names_chunk(SKIPPABLE, 5)]
    made.head = {"features": b"\x00"}
    return Case(made, "CLASSES.form")


@invalid("feature-undeclared", "PLADA-FEAT-001", "PLADA-CHK-001", twin=False)
def undeclared_names_without_frame() -> Case:
    """The class map is no frame and Zstd without the feature: the feature comes first."""
    made = draft()
    made.chunks = [names_chunk(SKIPPABLE, 1)]
    made.head = {"features": b"\x00"}
    return Case(made, "CLASSES.text")


@limit("limit-class-map", "PLADA-LIM-001", "PLADA-CHK-001")
def class_map_over_limit_and_corrupt() -> Case:
    """A Zstd class map beyond the limit that does not decode: the limit comes first."""
    case = _names(BROKEN, 1)
    return Case(case.file, case.fault, limits={"class_map": 4})


@invalid("class-map-size", "PLADA-TXT-002", "PLADA-CHK-001", twin=False)
def sizes_come_before_utf8() -> Case:
    """The first name is not UTF-8 and a byte follows the names: sizes come first."""
    return _names(b"\x03c\xffa\x03dog\x00")


@invalid("name-not-utf8", "PLADA-TXT-003", "PLADA-CHK-001", twin=False)
def utf8_of_identifiers_comes_before_names() -> Case:
    """A name is empty and an identifier is not UTF-8: UTF-8 is checked for all first."""
    return _names(b"\x00\x03dog\x00\x01\xff", 2)


@invalid("name-duplicate", "PLADA-TXT-006", "PLADA-CHK-001", twin=False)
def names_come_before_identifiers() -> Case:
    """The last name is a duplicate and the first identifier is forbidden: names come first."""
    return _names(b"\x03cat\x03cat\x01\x07\x00", 2)


@invalid("name-forbidden-character", "PLADA-TXT-005", "PLADA-CHK-001", twin=False)
def forbidden_name_before_an_empty_one() -> Case:
    """The first name is forbidden, the second empty, the third a duplicate: one by one."""
    return _names(b"\x01\x07\x00\x01\x07", classes=3)


@invalid("zstd-skippable", "PLADA-ZST-002", "PLADA-CHK-001", twin=False)
def metadata_frame_before_its_json() -> Case:
    """Metadata in two frames, the first one skippable: nothing is decoded."""
    made = draft()
    made.chunks.append(metadata_chunk(SKIPPABLE + frames.stored(b"[]"), 1))
    return Case(made, "META.text")


# BLOCK


def _register_block() -> None:
    """Give the second block all faults; each vector has one less than the one before."""
    wrong = WEIGHTS_ZSTD | BITMAP  # the file has no weights
    steps: tuple[tuple[str, str, str, dict[str, int], int, str], ...] = (
        (
            "block_wrong_from_span",
            "block-empty",
            "BLK-001",
            {"first": 20_000, "span": 0, "count": 9},
            0x3F,
            "span",
        ),
        (
            "block_wrong_from_its_range",
            "block-outside-pool",
            "BLK-002",
            {"first": 4, "span": 10_000, "count": 0},
            wrong,
            "first",
        ),
        (
            "block_wrong_from_its_range_with_images",
            "block-outside-pool",
            "BLK-002",
            {"first": 4, "span": 10_000, "count": 10_001},
            0x3F,
            "first",
        ),
        (
            "block_wrong_from_count_0",
            "block-empty",
            "BLK-001",
            {"first": 4, "span": 9000, "count": 0},
            wrong,
            "count",
        ),
        (
            "block_wrong_from_count",
            "block-count",
            "BLK-003",
            {"first": 4, "span": 9000, "count": 1},
            wrong,
            "count",
        ),
        (
            "block_wrong_from_form",
            "block-form",
            "BLK-004",
            {"first": 4, "span": 9000, "count": 2},
            wrong,
            "form",
        ),
        (
            "block_wrong_from_bitmap_span",
            "bitmap-span",
            "BLK-005",
            {"first": 4, "span": 9000, "count": 2},
            BITMAP,
            "span",
        ),
        (
            "block_wrong_from_streams",
            "block-streams",
            "BLK-006",
            {"first": 4, "span": 9000, "count": 2},
            RLE,
            "positions_size",
        ),
        (
            "block_wrong_from_order",
            "block-order",
            "BLK-007",
            {"first": 4, "span": 9000, "count": 2, "positions_size": 2},
            RLE,
            "first",
        ),
    )
    for name, code, rule, fields, form, fault in steps:

        def make(fields: dict[str, int] = fields, form: int = form, fault: str = fault) -> Case:
            made = draft(changed(pool_size=10_000), parts=(slice(0, 3), slice(3, 5)))
            raw = {"positions_size": 2000, **fields}
            made.blocks[1].raw = {field: varint(value) for field, value in raw.items()}
            made.blocks[1].form = form
            made.head = {"kept": b"\x03"}
            return Case(made, f"BLOCK 1.{fault}")

        make.__name__ = name
        make.__doc__ = f"The second block's `{fault}` is wrong, and so is what is checked later."
        invalid(code, f"PLADA-{rule}", "PLADA-CHK-001", area="order", twin=False)(make)


_register_block()


def _weighted(encoding: int = RLE) -> Draft:
    return draft(changed(scale=(4, 0, 1), codes=(1, 2, 3, 4, 5)), encoding)


@invalid("stream-size", "PLADA-STR-003", "PLADA-CHK-001", twin=False)
def size_of_positions_before_undeclared_labels() -> Case:
    """The positions have a wrong size and the labels an undeclared feature: file order."""
    made = draft()
    made.block.positions = Stream(b"\x01")
    made.block.labels = Stream(SKIPPABLE, True, 5)
    made.head = {"features": b"\x00"}
    return Case(made, "BLOCK 0.positions")


@invalid("zstd-skippable", "PLADA-ZST-002", "PLADA-CHK-001", twin=False)
def frame_of_labels_before_size_of_weights() -> Case:
    """The labels are a skippable frame and the weights are too short: file order."""
    made = _weighted()
    assert made.block.weights is not None
    made.block.labels = Stream(SKIPPABLE, True, 5)
    made.block.weights.stored = b"\x21"
    return Case(made, "BLOCK 0.labels")


@invalid("stream-size", "PLADA-STR-003", "PLADA-CHK-001", twin=False)
def size_of_weights_before_positions_are_read() -> Case:
    """Positions and labels are wrong inside and the weights have a wrong size: sizes first."""
    made = _weighted()
    made.block.positions = Stream(b"\x00\x11\x08\x9b\x00")
    made.block.labels = Stream(b"\x09" * 5)
    made.block.weights = Stream(b"\x11\x11")
    return Case(made, "BLOCK 0.weights")


@invalid("run-total", "PLADA-IDX-006", "PLADA-CHK-001", twin=False)
def positions_before_labels_are_decompressed() -> Case:
    """The runs go too far and the labels do not decompress: one stream after the other."""
    made = draft()
    made.block.positions = Stream(b"\x02\x11\x08\x9b\x00")
    made.block.labels = Stream(BROKEN, True, 5)
    return Case(made, "BLOCK 0.positions")


@invalid("label-range", "PLADA-LAB-001", "PLADA-CHK-001", twin=False)
def labels_before_weights_are_decompressed() -> Case:
    """A label is out of range and the weights do not decompress: one stream after the other."""
    made = draft(changed(scale=(8, 0, 1), codes=(0,) * 5))
    made.block.labels = Stream(b"\x00\x00\x01\x02\x00")
    made.block.weights = Stream(BROKEN, True, 5)
    return Case(made, "BLOCK 0.labels")


def _positions(stream: bytes, *, span: int, count: int, encoding: int) -> Case:
    meaning = Meaning(names=None, positions=(*range(count - 1), span - 1), labels=(0,) * count)
    made = draft(meaning, DELTA)
    made.block.encoding, made.block.positions = encoding, Stream(stream)
    return Case(made, "BLOCK 0.positions")


@invalid("padding-bits", "PLADA-IDX-001", "PLADA-CHK-001", twin=False)
def padding_before_the_ends_of_a_bitmap() -> Case:
    """A bitmap with a bit beyond its range, a wrong count and loose ends: padding comes first."""
    return _positions(b"\x02\x02", span=9, count=3, encoding=BITMAP)


@invalid("position-count", "PLADA-IDX-002", "PLADA-CHK-001", twin=False)
def count_before_the_ends_of_a_bitmap() -> Case:
    """A bitmap that keeps too few, and neither of its ends: the count comes first."""
    return _positions(b"\x02\x00", span=9, count=3, encoding=BITMAP)


@invalid("integer-size", "PLADA-SPL-002", "PLADA-CHK-001", twin=False)
def wide_cut_short_and_out_of_range() -> Case:
    """Three wide widths for four escapes, one of which is 53: that one is missing comes first."""
    return _positions(b"\xff\xff\x0f\x35\x0f", span=900, count=5, encoding=DELTA)


@invalid("integer-width", "PLADA-SPL-001", "PLADA-CHK-001", twin=False)
def width_out_of_range_without_low_bits() -> Case:
    """A wide width is 53 and there are no low bits: the width comes first."""
    return _positions(b"\x0f\x35", span=900, count=2, encoding=DELTA)


@invalid("integer-size", "PLADA-SPL-002", "PLADA-CHK-001", twin=False)
def low_bits_too_many_and_set() -> Case:
    """A byte more than the widths call for, with every bit set: the size comes first."""
    return _positions(b"\x11\x11\x00\xff", span=9, count=5, encoding=DELTA)


@invalid("dense-tail", "PLADA-DNS-002", "PLADA-CHK-001", twin=False)
def dense_tail_before_the_total() -> Case:
    """Dense distances that fall short, and end in a byte too many: the bytes come first."""
    stream = spec.write_dense_positions([0, 1, 2, 7]) + b"\x01"
    return _positions(stream, span=9, count=4, encoding=DENSE)


# Zstandard frames


def _frame(frame: bytes, size: int = 5) -> Case:
    made = draft()
    made.block.labels = Stream(frame, True, size)
    return Case(made, "BLOCK 0.labels")


@invalid("zstd-frame", "PLADA-ZST-001", "PLADA-CHK-001", twin=False)
def skippable_magic_of_four_bytes() -> Case:
    """A stream of four bytes, those of a skippable frame: it is too short to be any frame."""
    return _frame(SKIPPABLE[:4])


@invalid("zstd-frame", "PLADA-ZST-001", "PLADA-CHK-001", twin=False)
def reserved_bit_before_checksum() -> Case:
    """The reserved bit of the descriptor, a checksum and a dictionary: the first comes first."""
    return _frame(frames.frame(frames.raw(b""), 5, descriptor=0x0F, fields=b"\xff"))


@invalid("zstd-dictionary", "PLADA-ZST-003", "PLADA-CHK-001", twin=False)
def dictionary_before_size() -> Case:
    """A dictionary, no content size and a huge window: the dictionary comes first."""
    return _frame(frames.frame(frames.raw(b""), 5, descriptor=0x01, fields=b"\xff\x05"))


@invalid("zstd-no-size", "PLADA-ZST-004", "PLADA-CHK-001", twin=False)
def no_size_and_cut_short() -> Case:
    """A frame of five bytes that states no size: that comes before what is missing."""
    return _frame(frames.MAGIC + b"\x00")


@invalid("zstd-frame", "PLADA-ZST-001", "PLADA-CHK-001", twin=False)
def header_cut_short_before_window() -> Case:
    """A frame that ends inside a content size of eight bytes: its start is not taken for it."""
    return _frame(frames.MAGIC + b"\xe0" + b"\xff" * 7)


@invalid("zstd-window", "PLADA-ZST-005", "PLADA-CHK-001", twin=False)
def window_before_blocks() -> Case:
    """A window of 9 MiB, and a block of the reserved type: the window comes first."""
    fields = b"\x69" + (5).to_bytes(4, "little")
    blocks = frames.block(frames.RESERVED, 5, b"")
    return _frame(frames.frame(blocks, 5, descriptor=0x80, fields=fields))


@invalid("zstd-frame", "PLADA-ZST-001", "PLADA-CHK-001", twin=False)
def reserved_block_cut_in_its_header() -> Case:
    """A frame that ends inside a block header whose first byte says reserved: it is cut short."""
    return _frame(frames.frame(b"\x07", 5))


@invalid("zstd-block", "PLADA-ZST-008", "PLADA-CHK-001", twin=False)
def block_before_what_follows_the_frame() -> Case:
    """A run larger than its window, and a byte behind the frame: the block comes first."""
    return _frame(frames.frame(frames.run(0, 6), 5) + b"\x00")


@invalid("zstd-trailing", "PLADA-ZST-006", "PLADA-CHK-001", twin=False)
def trailing_before_size() -> Case:
    """A frame of six labels for five images and a byte behind it: the frame comes first."""
    return _frame(frames.stored(bytes(6)) + b"\x00", 6)


# Totals and the end


@invalid("max-stream", "PLADA-HEAD-008", "PLADA-CHK-001", twin=False)
def max_stream_before_trailing_bytes() -> Case:
    """`max_stream` is wrong and a byte follows END: the total comes first."""
    made = draft()
    made.head = {"max_stream": b"\x07"}
    made.trailing = b"\x00"
    return Case(made, "HEAD.max_stream")


@invalid("content-check", "PLADA-HEAD-009", "PLADA-CHK-001", twin=False)
def check_before_trailing_bytes() -> Case:
    """`check` is wrong and a byte follows END: `check` comes first."""
    made = draft()
    made.head = {"check": bytes(4)}
    made.trailing = b"\x00"
    return Case(made, "HEAD.check")


@invalid("body-long", "PLADA-CON-010", "PLADA-CHK-001", twin=False)
def end_with_body_before_totals() -> Case:
    """END has a body and K is wrong: what END holds comes first."""
    made = draft()
    made.head = {"kept": b"\x06"}
    made.end = Chunk(0x04, {"body": b"\x00"})
    return Case(made, "END.body")
