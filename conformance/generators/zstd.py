"""Sizes of streams and the Zstandard profile (specification, sections 7.1 and 7.2)."""

from __future__ import annotations

from .. import quoted
from .. import zstd_frames as frames
from ..build import (
    BITMAP,
    DELTA,
    RLE,
    Block,
    Draft,
    Meaning,
    Stream,
    changed,
    draft,
    metadata_chunk,
    varint,
)
from ..vector import Case, invalid, valid

FIVE = bytes([0, 0, 1, 1, 0])


def _labels(frame: bytes, size: int = 5) -> Case:
    """The worked example with this frame for labels, which is said to decode to `size` bytes."""
    made = draft()
    made.block.labels = Stream(frame, True, size)
    return Case(made, "BLOCK 0.labels" if frame else "BLOCK 0.positions_size")


def _many(labels: bytes, classes: int) -> Draft:
    meaning = Meaning(
        classes=classes,
        names=None,
        positions=tuple(range(0, 3 * len(labels), 3)),
        labels=tuple(labels),
        pool_size=10_000,
    )
    return draft(meaning, DELTA)


def _quoted(frame: bytes, labels: bytes, classes: int) -> Case:
    made = _many(labels, classes)
    made.block.labels = Stream(frame, True, len(labels))
    return Case(made)


@valid("PLADA-ZST-001", "PLADA-ZST-007", "PLADA-ZST-009", "PLADA-STR-002", "PLADA-STR-003")
def huffman_literals() -> Case:
    """Labels in a block of Huffman-coded literals, as compressors write them."""
    return _quoted(quoted.LABELS, quoted.label_values(), 7)


@valid("PLADA-ZST-001")
def sequences() -> Case:
    """Labels in a block of sequences."""
    return _quoted(quoted.REPEATS, quoted.repeats(), 5)


@valid("PLADA-ZST-006", "PLADA-ZST-008")
def several_blocks() -> Case:
    """A frame of a raw block, a run, an empty raw block and another raw block."""
    blocks = (
        frames.raw(b"\x00", last=False)
        + frames.run(0, 1, last=False)
        + frames.raw(b"", last=False)
        + frames.raw(FIVE[2:])
    )
    return _labels_valid(frames.frame(blocks, 5))


def _labels_valid(frame: bytes) -> Case:
    case = _labels(frame)
    return Case(case.file)


@valid("PLADA-ZST-004")
def size_in_two_bytes() -> Case:
    """The content size stands in two bytes, to which 256 is added."""
    made = _many(bytes(300), 2)
    made.block.labels = Stream(frames.frame(frames.run(0, 300), 300), True, 300)
    return Case(made)


@valid("PLADA-ZST-004", "PLADA-ZST-003", "PLADA-ZST-002")
def size_in_eight_bytes() -> Case:
    """The content size stands in eight bytes."""
    frame = frames.frame(frames.raw(FIVE), 5, descriptor=0xE0, fields=(5).to_bytes(8, "little"))
    return _labels_valid(frame)


@valid("PLADA-ZST-005")
def window_of_8_mib() -> Case:
    """A frame with a window descriptor of exactly 8 MiB."""
    frame = frames.frame(
        frames.raw(FIVE), 5, descriptor=0x80, fields=b"\x68" + (5).to_bytes(4, "little")
    )
    return _labels_valid(frame)


@valid("PLADA-ZST-001")
def unused_bit_of_the_descriptor() -> Case:
    """Bit 4 of the frame header descriptor, which decoders ignore, is set."""
    return _labels_valid(frames.frame(frames.raw(FIVE), 5, descriptor=0x30))


@valid("PLADA-ZST-008", "PLADA-STR-003", "PLADA-BLK-005", "PLADA-ZST-005")
def largest_bitmap() -> Case:
    """A bitmap of 65,536 images over 2^28 positions: 32 MiB, most of them zeros, in 1 KB."""
    span, count = 2**28, 2**16
    meaning = changed(
        pool_size=span,
        positions=(*range(count - 1), span - 1),
        labels=(0,) * count,
    )
    bitmap = frames.frame(
        frames.run(0xFF, count // 8 - 1, last=False)
        + frames.raw(b"\x7f", last=False)
        + frames.run(0, span // 8 - count // 8 - 1, last=False)
        + frames.raw(b"\x80"),
        span // 8,
        descriptor=0x80,
        fields=b"\x68" + (span // 8).to_bytes(4, "little"),
    )
    labels = Stream(frames.frame(frames.run(0, count), count), True, count)
    made = draft(meaning, RLE)
    made.blocks = [Block(0, span, count, BITMAP, Stream(bitmap, True, span // 8), labels)]
    return Case(made)


@valid("PLADA-ZST-005")
def window_of_the_content() -> Case:
    """A frame of 1,024 labels with a window descriptor of 1 KiB, which just covers them."""
    return _windowed(1024)


@invalid("zstd-window", "PLADA-ZST-005")
def window_smaller_than_the_content() -> Case:
    """A frame of 1,025 labels with a window of 1 KiB: matches could reach beyond it."""
    return Case(_windowed(1025).file, "BLOCK 0.labels")


def _windowed(count: int) -> Case:
    made = _many(bytes(count), 2)
    blocks = frames.run(0, 1024, last=False) + frames.run(0, count - 1024)
    fields = b"\x00" + (count - 256).to_bytes(2, "little")
    frame = frames.frame(blocks, count, descriptor=0x40, fields=fields)
    made.block.labels = Stream(frame, True, count)
    return Case(made)


@valid("PLADA-STR-001", "PLADA-STR-003")
def empty_streams() -> Case:
    """One image of one class: both streams are empty, and stored."""
    meaning = Meaning(classes=1, names=None, positions=(7,), labels=(0,))
    return Case(draft(meaning, DELTA))


@invalid("empty-compressed", "PLADA-STR-001")
def empty_frame_of_labels() -> Case:
    """The labels are a frame of no content, where there should be five."""
    return _labels(frames.stored(b""), 0)


@invalid("empty-compressed", "PLADA-STR-001")
def empty_frame_of_positions() -> Case:
    """One image: its empty distances are a frame."""
    made = draft(Meaning(classes=1, names=None, positions=(7,), labels=(0,)), DELTA)
    made.block.positions = Stream(frames.stored(b""), True, 0)
    return Case(made, "BLOCK 0.positions")


@invalid("stream-over-declared", "PLADA-STR-002")
def stream_over_max_stream() -> Case:
    """HEAD declares a largest stream of 4 bytes and there are two of 5."""
    made = draft()
    made.head = {"max_stream": b"\x04"}
    return Case(made, "BLOCK 0.positions")


@invalid("stream-over-declared", "PLADA-STR-002", "PLADA-CHK-001")
def second_stream_before_the_first_is_decoded() -> Case:
    """The positions are damaged and the labels exceed `max_stream`: sizes come first."""
    made = draft()
    made.block.positions = Stream(b"\x00\xff\xff\xff")
    made.head = {"max_stream": b"\x04"}
    return Case(made, "BLOCK 0.labels")


@invalid("stream-size", "PLADA-STR-003")
def one_label_too_many() -> Case:
    """Six labels for five images."""
    made = draft()
    made.block.labels = Stream(FIVE + b"\x00")
    return Case(made, "BLOCK 0.labels")


@invalid("stream-size", "PLADA-STR-003")
def one_label_too_few() -> Case:
    """Four labels for five images."""
    made = draft()
    made.block.labels = Stream(FIVE[:4])
    return Case(made, "BLOCK 0.labels")


@invalid("stream-size", "PLADA-STR-003")
def frame_of_too_few_labels() -> Case:
    """A frame that states four labels for five images."""
    return _labels(frames.stored(FIVE[:4]), 4)


@invalid("stream-size", "PLADA-STR-003")
def labels_for_one_class() -> Case:
    """A label stream where there is only one class."""
    made = draft(changed(classes=1, names=None, labels=(0,) * 5))
    made.block.labels = Stream(b"\x00" * 5)
    return Case(made, "BLOCK 0.labels")


@invalid("stream-size", "PLADA-STR-003")
def one_byte_labels_for_300_classes() -> Case:
    """One byte per label where C is 300."""
    made = draft(changed(classes=300, names=None))
    made.block.labels = Stream(FIVE)
    return Case(made, "BLOCK 0.labels")


@invalid("stream-size", "PLADA-STR-003")
def two_byte_labels_for_256_classes() -> Case:
    """Two bytes per label where C is 256."""
    made = draft(changed(classes=256, names=None))
    made.block.labels = Stream(bytes(10))
    return Case(made, "BLOCK 0.labels")


@invalid("stream-size", "PLADA-STR-003")
def bitmap_a_byte_too_long() -> Case:
    """A bitmap of two bytes over 8 positions."""
    return _positions(b"\x81\x00", 8, BITMAP)


@invalid("stream-size", "PLADA-STR-003")
def bitmap_a_byte_too_short() -> Case:
    """A bitmap of one byte over 9 positions."""
    return _positions(b"\x81", 9, BITMAP)


@invalid("stream-size", "PLADA-STR-003")
def delta_below_its_bounds() -> Case:
    """A byte less than the widths of the distances alone would take."""
    made = draft(encoding=DELTA)
    made.block.positions = Stream(b"\x00")
    return Case(made, "BLOCK 0.positions")


@invalid("stream-size", "PLADA-STR-003")
def delta_above_its_bounds() -> Case:
    """A byte more than four distances within a span of 299 can take."""
    made = draft(encoding=DELTA)
    made.block.positions = Stream(bytes(2 + 4 + 1))
    return Case(made, "BLOCK 0.positions")


@invalid("integer-size", "PLADA-SPL-002")
def delta_at_its_upper_bound() -> Case:
    """As many bytes as four distances within a span of 299 can take, which these do not."""
    made = draft(encoding=DELTA)
    made.block.positions = Stream(bytes(2 + 4))
    return Case(made, "BLOCK 0.positions")


@invalid("stream-size", "PLADA-STR-003")
def rle_of_one_byte() -> Case:
    """A run-length stream of one byte."""
    made = draft()
    made.block.positions = Stream(b"\x01")
    return Case(made, "BLOCK 0.positions")


@invalid("stream-size", "PLADA-STR-003")
def rle_above_its_bounds() -> Case:
    """A byte more than the run lengths of this block can take."""
    made = draft()
    made.block.positions = Stream(bytes(8 + 5 + 9 + 1))
    return Case(made, "BLOCK 0.positions")


@invalid("stream-size", "PLADA-STR-003")
def weights_too_short() -> Case:
    """Two bytes of 4-bit weight codes for five images."""
    made = draft(changed(scale=(4, 0, 1), codes=(1, 2, 3, 4, 5)))
    made.block.weights = Stream(b"\x21\x43")
    return Case(made, "BLOCK 0.weights")


def _positions(stream: bytes, span: int, encoding: int, count: int = 2) -> Case:
    meaning = changed(positions=(*range(count - 1), span - 1), labels=(0,) * count)
    made = draft(meaning, RLE)
    made.blocks = [Block(0, span, count, encoding, Stream(stream), Stream(bytes(count)))]
    return Case(made, "BLOCK 0.positions")


@invalid("zstd-frame", "PLADA-ZST-001")
def no_frame_at_all() -> Case:
    """The labels are said to be Zstd and are stored."""
    return _labels(FIVE)


@invalid("zstd-frame", "PLADA-ZST-001")
def compressed_stream_without_a_byte() -> Case:
    """The labels are said to be Zstd and there is no byte."""
    return _labels(b"")


@invalid("zstd-frame", "PLADA-ZST-001")
def frame_of_an_old_version() -> Case:
    """A frame with the magic number of Zstandard 0.7."""
    return _labels(frames.frame(frames.raw(FIVE), 5, magic=b"\x27\xb5\x2f\xfd"))


@invalid("zstd-frame", "PLADA-ZST-001")
def frame_without_magic() -> Case:
    """A frame in the magicless variant."""
    return _labels(frames.frame(frames.raw(FIVE), 5, magic=b""))


@invalid("zstd-frame", "PLADA-ZST-001")
def reserved_bit_of_the_descriptor() -> Case:
    """The reserved bit of the frame header descriptor is set."""
    return _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0x28))


@invalid("zstd-frame", "PLADA-ZST-001")
def frame_header_cut_short() -> Case:
    """A frame ends inside its content size."""
    return _labels(frames.MAGIC + b"\xe0" + bytes(7))


@invalid("zstd-frame", "PLADA-ZST-001")
def frame_cut_in_a_block() -> Case:
    """A frame ends inside its only block."""
    return _labels(frames.stored(FIVE)[:-1])


@invalid("zstd-frame", "PLADA-ZST-001")
def frame_cut_in_a_block_header() -> Case:
    """A frame ends inside the header of its second block."""
    return _labels(frames.frame(frames.raw(FIVE, last=False) + b"\x01\x00", 5))


@invalid("zstd-frame", "PLADA-ZST-001")
def frame_without_last_block() -> Case:
    """No block of the frame is the last."""
    return _labels(frames.frame(frames.raw(FIVE, last=False), 5))


@invalid("zstd-skippable", "PLADA-ZST-002")
def skippable_frame_first() -> Case:
    """A skippable frame stands before the frame."""
    return _labels(b"\x50\x2a\x4d\x18\x01\x00\x00\x00x" + frames.stored(FIVE))


@invalid("zstd-skippable", "PLADA-ZST-002")
def skippable_frame_alone() -> Case:
    """The stream is nothing but a skippable frame, of the last kind."""
    return _labels(b"\x5f\x2a\x4d\x18\x05\x00\x00\x00" + FIVE)


@invalid("zstd-dictionary", "PLADA-ZST-003")
def dictionary_id() -> Case:
    """The frame needs the dictionary 5."""
    return _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0x21, fields=b"\x05\x05"))


@invalid("zstd-dictionary", "PLADA-ZST-003")
def dictionary_id_0() -> Case:
    """The frame names the dictionary 0, which means none, in a field of four bytes."""
    return _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0x23, fields=bytes(4) + b"\x05"))


@invalid("zstd-no-size", "PLADA-ZST-004")
def frame_without_size() -> Case:
    """The frame does not state its content size."""
    return _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0x00, fields=b"\x00"))


@invalid("zstd-no-size", "PLADA-ZST-004", "PLADA-ZST-005", "PLADA-CHK-001")
def huge_window_without_size() -> Case:
    """A window of 3.75 TiB and no content size: the size comes first."""
    return _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0x00, fields=b"\xff"))


@invalid("zstd-window", "PLADA-ZST-005")
def window_just_above_8_mib() -> Case:
    """The window is 9 MiB, one step above what is allowed."""
    return _labels(
        frames.frame(
            frames.raw(FIVE), 5, descriptor=0x80, fields=b"\x69" + (5).to_bytes(4, "little")
        )
    )


@invalid("zstd-window", "PLADA-ZST-005")
def huge_window() -> Case:
    """The window is 3.75 TiB."""
    return _labels(
        frames.frame(
            frames.raw(FIVE), 5, descriptor=0x80, fields=b"\xff" + (5).to_bytes(4, "little")
        )
    )


@invalid("zstd-window", "PLADA-ZST-005")
def single_segment_above_8_mib() -> Case:
    """A single-segment frame of 8 MiB and 1 byte, which is its window."""
    return _labels(frames.frame(frames.raw(FIVE), 2**23 + 1), 2**23 + 1)


@invalid("zstd-window", "PLADA-ZST-005")
def size_of_2_to_64_less_1() -> Case:
    """A single-segment frame states 2^64 - 1 bytes."""
    return _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0xE0, fields=b"\xff" * 8))


@invalid("zstd-window", "PLADA-ZST-005")
def size_of_2_to_64_less_1_in_a_small_window() -> Case:
    """A frame with a small window states 2^64 - 1 bytes."""
    case = _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0xC0, fields=b"\x00" + b"\xff" * 8))
    assert isinstance(case.file, Draft)
    return case


@invalid("zstd-trailing", "PLADA-ZST-006")
def byte_after_the_frame() -> Case:
    """A zero byte follows the frame."""
    return _labels(frames.stored(FIVE) + b"\x00")


@invalid("zstd-trailing", "PLADA-ZST-006")
def second_frame() -> Case:
    """A second frame follows the first, which decodes to all that is called for."""
    return _labels(frames.stored(FIVE) + frames.stored(FIVE))


@invalid("stream-size", "PLADA-STR-003", "PLADA-ZST-006", "PLADA-CHK-001")
def frames_that_share_the_labels() -> Case:
    """The frame states two labels; there is no second frame that has the rest."""
    return _labels(frames.stored(FIVE[:2]), 2)


@invalid("zstd-trailing", "PLADA-ZST-006")
def labels_in_two_frames() -> Case:
    """Two frames share the labels between them."""
    return _labels(frames.stored(FIVE[:2]) + frames.stored(FIVE[2:]))


@invalid("zstd-trailing", "PLADA-ZST-006")
def skippable_frame_last() -> Case:
    """A skippable frame follows the frame."""
    return _labels(frames.stored(FIVE) + b"\x50\x2a\x4d\x18\x00\x00\x00\x00")


@invalid("zstd-corrupt", "PLADA-ZST-007")
def frame_larger_than_it_states() -> Case:
    """The frame states five bytes and holds six."""
    return _labels(frames.frame(frames.raw(FIVE[:3], last=False) + frames.raw(FIVE[:3]), 5))


@invalid("zstd-corrupt", "PLADA-ZST-007")
def frame_smaller_than_it_states() -> Case:
    """The frame states five bytes and holds four."""
    return _labels(frames.frame(frames.raw(FIVE[:4]), 5))


@invalid("zstd-checksum", "PLADA-ZST-009")
def content_checksum() -> Case:
    """A frame with a right content checksum."""
    case = huffman_literals()
    assert isinstance(case.file, Draft)
    case.file.block.labels.stored = quoted.LABELS_WITH_CHECKSUM
    return Case(case.file, "BLOCK 0.labels")


@invalid("zstd-checksum", "PLADA-ZST-009")
def wrong_content_checksum() -> Case:
    """A frame with a wrong content checksum, which some decoders do not notice."""
    case = huffman_literals()
    assert isinstance(case.file, Draft)
    case.file.block.labels.stored = quoted.LABELS_WITH_CHECKSUM[:-1] + b"\x00"
    return Case(case.file, "BLOCK 0.labels")


@invalid("zstd-checksum", "PLADA-ZST-009", "PLADA-CHK-001")
def frame_without_its_checksum() -> Case:
    """The frame header promises a content checksum and none follows."""
    return _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0x24))


@invalid("zstd-checksum", "PLADA-ZST-009", "PLADA-ZST-003", "PLADA-CHK-001")
def checksum_before_dictionary() -> Case:
    """A content checksum and a dictionary: the checksum comes first."""
    return _labels(frames.frame(frames.raw(FIVE), 5, descriptor=0x25, fields=b"\x05\x05"))


@invalid("zstd-corrupt", "PLADA-ZST-007")
def damaged_huffman_table() -> Case:
    """The Huffman table of the literals is damaged."""
    case = huffman_literals()
    assert isinstance(case.file, Draft)
    stream = case.file.block.labels.stored
    case.file.block.labels.stored = stream[:12] + b"\xff\xff\xff" + stream[15:]
    return Case(case.file, "BLOCK 0.labels")


@invalid("zstd-block", "PLADA-ZST-008")
def reserved_block_type() -> Case:
    """A block of the reserved type."""
    return _labels(frames.frame(frames.block(frames.RESERVED, 5, FIVE), 5))


@invalid("zstd-block", "PLADA-ZST-008")
def block_larger_than_its_window() -> Case:
    """A raw block of six bytes in a single-segment frame of five."""
    return _labels(frames.frame(frames.raw(FIVE + b"\x00"), 5))


@invalid("zstd-block", "PLADA-ZST-008")
def run_larger_than_128_kib() -> Case:
    """A run of 128 KiB and 1 byte in one block, which some decoders take in one call."""
    size = frames.LARGEST_BLOCK + 1
    meaning = Meaning(
        classes=2, names=None, pool_size=size, positions=tuple(range(size)), labels=(0,) * size
    )
    made = draft(meaning)
    made.block.labels = Stream(
        frames.frame(frames.block(frames.RUN, size, b"\x00"), size), True, size
    )
    return Case(made, "BLOCK 0.labels")


@valid("PLADA-ZST-008")
def run_of_128_kib() -> Case:
    """A run of 128 KiB in one block, the largest one."""
    size = frames.LARGEST_BLOCK
    meaning = Meaning(
        classes=2, names=None, pool_size=size, positions=tuple(range(size)), labels=(0,) * size
    )
    made = draft(meaning)
    made.block.labels = Stream(
        frames.frame(frames.block(frames.RUN, size, b"\x00"), size), True, size
    )
    return Case(made)


@invalid("zstd-block", "PLADA-ZST-008", "PLADA-ZST-001", "PLADA-CHK-001")
def large_block_cut_short() -> Case:
    """A raw block larger than its window that is cut short as well: its size comes first."""
    return _labels(frames.frame(frames.block(frames.RAW, 100, FIVE), 5))


@invalid("zstd-frame", "PLADA-ZST-001")
def names_without_frame() -> Case:
    """The class map is said to be Zstd and is stored."""
    made = draft()
    made.chunks[0].parts["form"] = b"\x01"
    made.head = {"features": varint(1)}
    return Case(made, "CLASSES.text")


@invalid("empty-compressed", "PLADA-STR-001")
def empty_frame_of_metadata() -> Case:
    """The metadata is a frame of no content."""
    made = draft()
    made.chunks.append(metadata_chunk(frames.stored(b""), 1))
    return Case(made, "META.text")


@invalid("zstd-skippable", "PLADA-ZST-002")
def skippable_frame_of_metadata() -> Case:
    """The metadata is a skippable frame."""
    made = draft()
    made.chunks.append(metadata_chunk(b"\x50\x2a\x4d\x18\x02\x00\x00\x00{}", 1))
    return Case(made, "META.text")


@invalid("zstd-frame", "PLADA-ZST-001")
def frame_of_four_bytes() -> Case:
    """The stream is the magic number and nothing else."""
    return _labels(frames.MAGIC)


@valid("PLADA-ZST-005")
def window_with_a_mantissa() -> Case:
    """A frame of 1,152 labels with a window of 1 KiB and one eighth, which just covers them."""
    return _eighths(1152)


@invalid("zstd-window", "PLADA-ZST-005")
def window_with_a_mantissa_too_small() -> Case:
    """A frame of 1,153 labels with a window of 1 KiB and one eighth."""
    return Case(_eighths(1153).file, "BLOCK 0.labels")


def _eighths(count: int) -> Case:
    made = _many(bytes(count), 2)
    blocks = frames.run(0, 1024, last=False) + frames.run(0, count - 1024)
    fields = b"\x01" + (count - 256).to_bytes(2, "little")
    frame = frames.frame(blocks, count, descriptor=0x40, fields=fields)
    made.block.labels = Stream(frame, True, count)
    return Case(made)


@valid("PLADA-ZST-005")
def window_just_below_8_mib() -> Case:
    """A window of 7.5 MiB, the next smaller one than is allowed."""
    fields = b"\x67" + (5).to_bytes(4, "little")
    return _labels_valid(frames.frame(frames.raw(FIVE), 5, descriptor=0x80, fields=fields))


@invalid("zstd-window", "PLADA-ZST-005")
def content_of_8_mib_in_a_smaller_window() -> Case:
    """A frame states 8 MiB and a window of 7.5 MiB."""
    fields = b"\x67" + (2**23).to_bytes(4, "little")
    frame = frames.frame(frames.run(0, 2**23), 2**23, descriptor=0x80, fields=fields)
    return _labels(frame, 2**23)


@invalid("zstd-block", "PLADA-ZST-008")
def run_larger_than_its_window() -> Case:
    """A run of six bytes in a single-segment frame of five."""
    return _labels(frames.frame(frames.run(0, 6), 5))


@invalid("zstd-corrupt", "PLADA-ZST-007")
def frame_of_names_smaller_than_it_states() -> Case:
    """The class map's frame states eight bytes and holds seven."""
    made = draft()
    made.chunks[0].parts = {"form": b"\x01", "text": frames.frame(frames.raw(b"\x03cat\x02do"), 8)}
    return Case(made, "CLASSES.text")


@invalid("zstd-trailing", "PLADA-ZST-006")
def byte_after_the_frame_of_metadata() -> Case:
    """A zero byte follows the metadata's frame."""
    made = draft()
    made.chunks.append(metadata_chunk(frames.stored(b"{}") + b"\x00", 1))
    return Case(made, "META.text")


@invalid("zstd-checksum", "PLADA-ZST-009")
def checksum_of_metadata() -> Case:
    """The metadata's frame has a content checksum."""
    made = draft()
    frame = frames.frame(frames.raw(b"{}"), 2, descriptor=0x24) + b"\x00" * 4
    made.chunks.append(metadata_chunk(frame, 1))
    return Case(made, "META.text")


@invalid("zstd-window", "PLADA-ZST-005", "PLADA-CHK-001")
def frame_header_alone_with_a_large_window() -> Case:
    """The frame ends behind its header, and the window is too large: that comes first."""
    frame = frames.frame(b"", 5, descriptor=0x80, fields=b"\x69" + (5).to_bytes(4, "little"))
    return _labels(frame)


@invalid("zstd-frame", "PLADA-ZST-001", "PLADA-CHK-001")
def two_bytes_of_a_reserved_block() -> Case:
    """The frame ends inside the header of a block, whose type would be the reserved one."""
    return _labels(frames.frame(frames.block(frames.RESERVED, 0, b"")[:2], 5))


@invalid("zstd-frame", "PLADA-ZST-001", "PLADA-CHK-001")
def one_byte_of_a_reserved_block() -> Case:
    """The frame ends behind the first byte of a block, whose type would be the reserved one."""
    return _labels(frames.frame(frames.block(frames.RESERVED, 0, b"")[:1], 5))


@invalid("stream-size", "PLADA-STR-003")
def delta_of_neighbours_in_two_bytes() -> Case:
    """The one distance of two neighbours has no low bits, and the stream two bytes."""
    made = draft(changed(positions=(3, 4), labels=(0, 1)), DELTA)
    made.block.positions = Stream(b"\x00\x00")
    return Case(made, "BLOCK 0.positions")
