"""HEAD, the totals that it promises, and features (specification, sections 4.3 and 5)."""

from __future__ import annotations

from .. import zstd_frames as frames
from ..build import (
    DELTA,
    DENSE,
    EXAMPLE,
    Chunk,
    Draft,
    Meaning,
    Stream,
    block_of,
    changed,
    draft,
    varint,
)
from ..vector import Case, invalid, valid

LARGEST = 2**53 - 1
NO_IMAGE = Meaning(positions=(), labels=(), names=None)
WEIGHTED = changed(scale=(8, -256, 32), codes=(0, 1, 254, 255, 7))


def _head(field: str, octets: bytes) -> Case:
    made = draft()
    made.head = {field: octets}
    return Case(made, f"HEAD.{field}")


@valid("PLADA-INT-001", "PLADA-HEAD-003")
def largest_pool() -> Case:
    """A pool of 2^53 - 1 images, whose last one is kept: positions are hashed as u64."""
    return Case(draft(changed(pool_size=LARGEST, positions=(3, 4, 5, 300, LARGEST - 1)), DELTA))


@valid("PLADA-HEAD-003", "PLADA-HEAD-009")
def pool_of_2_to_32() -> Case:
    """The largest pool whose positions are hashed as u32."""
    return Case(draft(changed(pool_size=2**32, positions=(3, 4, 5, 300, 2**32 - 1)), DELTA))


@valid("PLADA-HEAD-003", "PLADA-HEAD-009")
def pool_of_2_to_32_and_1() -> Case:
    """The smallest pool whose positions are hashed as u64."""
    return Case(draft(changed(pool_size=2**32 + 1, positions=(3, 4, 5, 300, 2**32)), DELTA))


@valid("PLADA-HEAD-003", "PLADA-HEAD-009")
def small_positions_of_a_large_pool() -> Case:
    """It is the pool's size that has positions hashed as u64, and not the positions."""
    return Case(draft(changed(pool_size=2**40)))


@valid("PLADA-HEAD-003", "PLADA-BLK-003")
def every_image_kept() -> Case:
    """K is N: all of a pool of five."""
    return Case(draft(changed(pool_size=5, positions=(0, 1, 2, 3, 4))))


@valid("PLADA-HEAD-004")
def one_class() -> Case:
    """A task with one class has no label stream."""
    return Case(draft(changed(classes=1, names=(b"cat",), labels=(0,) * 5)))


@valid("PLADA-HEAD-004", "PLADA-HEAD-009", "PLADA-LAB-001")
def most_classes() -> Case:
    """65,536 unnamed classes, the last of which occurs."""
    return Case(draft(changed(classes=65_536, names=None, labels=(0, 255, 256, 65_535, 1))))


@valid("PLADA-HEAD-006")
def steepest_weight_scale() -> Case:
    """The weight of the largest code is 2^1023, the most that is allowed."""
    return Case(draft(changed(scale=(8, 261_888 - 255 * 1027 + 0, 1027), codes=(0, 1, 2, 3, 255))))


@valid("PLADA-HEAD-006", "PLADA-LAB-002")
def smallest_weight_scale() -> Case:
    """4-bit codes on a scale of low -32,768 and step 1, an odd number of them."""
    return Case(draft(changed(scale=(4, -32_768, 1), codes=(0, 15, 7, 8, 1))))


@valid("PLADA-FEAT-001", "PLADA-FEAT-002")
def weights_of_8_bits() -> Case:
    """A file with the feature `weights` alone."""
    return Case(draft(WEIGHTED))


@valid("PLADA-FEAT-001", "PLADA-FEAT-002", "PLADA-HEAD-005", "PLADA-BLK-006")
def all_features() -> Case:
    """Dense positions, Zstd labels and Zstd weights: every feature at once."""
    made = draft(WEIGHTED, DENSE)
    block = made.block
    for stream in (block.labels, block.weights):
        assert stream is not None
        stream.size, stream.compressed = len(stream.stored), True
        stream.stored = frames.stored(stream.stored)
    return Case(made)


@valid("PLADA-HEAD-008")
def compressed_larger_than_decoded() -> Case:
    """`max_stream` counts decoded bytes, also where the stored frame is longer."""
    made = draft()
    labels = made.block.labels
    labels.size, labels.compressed = 5, True
    labels.stored = frames.stored(labels.stored)
    return Case(made)


@valid("PLADA-FEAT-002")
def zstd_for_the_class_map_alone() -> Case:
    """The feature `zstd` is used by nothing but the class map."""
    made = draft()
    names = made.chunks[0]
    names.parts = {"form": b"\x01", "text": frames.stored(names.parts["text"])}
    return Case(made)


@invalid("body-short", "PLADA-HEAD-001")
def head_cut_in_check() -> Case:
    """HEAD ends inside `check`."""
    return _head("check", EXAMPLE.content_id[:3])


@invalid("body-short", "PLADA-HEAD-001")
def head_cut_in_pool_id() -> Case:
    """HEAD ends inside the pool id."""
    made = draft()
    made.head_chunk = Chunk(0x01, {"pool_id": bytes(31)})
    return Case(made, "HEAD.pool_id")


@invalid("body-short", "PLADA-HEAD-001")
def head_without_weight_scale() -> Case:
    """The feature `weights` is required and HEAD has no weight scale."""
    return _head("features", b"\x02")


@invalid("body-short", "PLADA-HEAD-001")
def empty_head() -> Case:
    """HEAD has no body."""
    made = draft()
    made.head_chunk = Chunk(0x01)
    return Case(made, "HEAD.length")


@invalid("body-long", "PLADA-HEAD-002")
def head_with_a_byte_more() -> Case:
    """A byte follows the last field of HEAD."""
    return _head("more", b"\x00")


@invalid("body-long", "PLADA-HEAD-002")
def weight_scale_without_feature() -> Case:
    """HEAD has a weight scale and does not require `weights`."""
    return _head("weight_scale", bytes([8, 0, 0, 1, 0]))


@invalid("varint-overlong", "PLADA-INT-002")
def overlong_pool_size() -> Case:
    """The pool's size has a needless last byte."""
    return _head("pool_size", b"\xe8\x87\x00")


@invalid("varint-overlong", "PLADA-INT-002")
def overlong_zero() -> Case:
    """The required features are a zero in two bytes."""
    return _head("features", b"\x80\x00")


@invalid("varint-overlong", "PLADA-INT-002")
def overlong_in_eight_bytes() -> Case:
    """The pool's size is padded to eight bytes."""
    return _head("pool_size", b"\xe8\x87" + b"\x80" * 5 + b"\x00")


@invalid("varint-overflow", "PLADA-INT-001")
def pool_size_of_2_to_53() -> Case:
    """The pool's size is 2^53."""
    return _head("pool_size", b"\x80" * 7 + b"\x10")


@invalid("varint-overflow", "PLADA-INT-001")
def pool_size_of_2_to_64() -> Case:
    """The pool's size is 1,000 modulo 2^64, in ten bytes."""
    return _head("pool_size", b"\xe8\x87" + b"\x80" * 7 + b"\x02")


@invalid("varint-overflow", "PLADA-INT-001", "PLADA-CHK-001")
def endless_varint() -> Case:
    """The pool's size never ends before HEAD does: eight bytes settle it."""
    made = draft()
    made.head_chunk = Chunk(0x01, {"pool_id": bytes(32), "pool_size": b"\xff" * 40})
    return Case(made, "HEAD.pool_size")


@invalid("kept-over-pool", "PLADA-HEAD-003")
def more_kept_than_pool() -> Case:
    """K is N + 1."""
    return _head("kept", varint(1001))


@invalid("class-count", "PLADA-HEAD-004")
def no_class() -> Case:
    """C is 0."""
    return _head("classes", b"\x00")


@invalid("class-count", "PLADA-HEAD-004")
def one_class_too_many() -> Case:
    """C is 65,537."""
    return _head("classes", varint(65_537))


@invalid("unknown-feature", "PLADA-HEAD-005")
def reserved_feature() -> Case:
    """The reserved feature `overlap` is required."""
    return _head("features", b"\x08")


@invalid("unknown-feature", "PLADA-HEAD-005")
def feature_bit_52() -> Case:
    """The feature with the highest possible bit is required."""
    return _head("features", varint(2**52))


@invalid("unknown-feature", "PLADA-HEAD-005", "PLADA-CHK-001")
def unknown_feature_and_bad_scale() -> Case:
    """An unknown feature beside a weight scale of 5 bits: the feature comes first."""
    made = draft()
    made.head = {"features": b"\x0a", "weight_scale": bytes([5, 0, 0, 1, 0])}
    return Case(made, "HEAD.features")


def _scale(bits: int, low: int, step: int) -> Case:
    made = draft(WEIGHTED)
    made.head["weight_scale"] = (
        bytes([bits]) + (low % 65536).to_bytes(2, "little") + step.to_bytes(2, "little")
    )
    return Case(made, "HEAD.weight_scale")


@invalid("weight-scale", "PLADA-HEAD-006")
def weight_codes_of_5_bits() -> Case:
    """Weight codes have 5 bits."""
    return _scale(5, 0, 1)


@invalid("weight-scale", "PLADA-HEAD-006")
def weight_codes_of_0_bits() -> Case:
    """Weight codes have no bit."""
    return _scale(0, 0, 1)


@invalid("weight-scale", "PLADA-HEAD-006")
def weight_step_0() -> Case:
    """All weight codes have one weight."""
    return _scale(8, 0, 0)


@invalid("weight-scale", "PLADA-HEAD-006")
def weight_beyond_2_to_1023() -> Case:
    """The weight of the largest code is just above 2^1023."""
    return _scale(8, 4, 1027)


@invalid("kept-total", "PLADA-HEAD-007")
def one_image_too_few() -> Case:
    """HEAD says six images and the blocks keep five."""
    made = draft()
    made.head = {"kept": b"\x06"}
    return Case(made, "HEAD.kept")


@invalid("kept-total", "PLADA-HEAD-007")
def one_image_too_many() -> Case:
    """HEAD says four images and the block keeps five."""
    made = draft()
    made.head = {"kept": b"\x04"}
    return Case(made, "BLOCK 0.count")


@invalid("kept-total", "PLADA-HEAD-007", "PLADA-CHK-001")
def second_block_too_many() -> Case:
    """The second block exceeds K, and its own streams are empty: K comes first."""
    made = draft(parts=(slice(0, 3), slice(3, 5)))
    made.blocks[1].positions = made.blocks[1].labels = Stream(b"")
    made.head = {"kept": b"\x04"}
    return Case(made, "BLOCK 1.count")


@invalid("kept-total", "PLADA-HEAD-007", twin=False)
def blocks_missing() -> Case:
    """HEAD says five images and there is no block."""
    made = draft()
    made.blocks = []
    made.head = {"kept": b"\x05"}
    return Case(made, "HEAD.kept")


@invalid("max-stream", "PLADA-HEAD-008")
def max_stream_too_large() -> Case:
    """HEAD declares a largest stream of 6 bytes; it is 5."""
    return _head("max_stream", b"\x06")


@invalid("max-stream", "PLADA-HEAD-008")
def max_stream_without_block() -> Case:
    """HEAD declares a largest stream and there is no block."""
    made = draft(NO_IMAGE)
    made.head = {"max_stream": b"\x01"}
    return Case(made, "HEAD.max_stream")


@invalid("content-check", "PLADA-HEAD-009")
def check_of_another_meaning() -> Case:
    """One bit of `check` is wrong."""
    wrong = bytes([EXAMPLE.content_id[0] ^ 1]) + EXAMPLE.content_id[1:4]
    return _head("check", wrong)


@invalid("content-check", "PLADA-HEAD-009", twin=False)
def class_map_left_out() -> Case:
    """The class map was taken out; every CRC is right."""
    made = draft()
    made.chunks = []
    return Case(made, "HEAD.check")


@invalid("content-check", "PLADA-HEAD-009", twin=False)
def labels_changed_with_crc() -> Case:
    """A label was changed, and the block's CRC was repaired."""
    made = draft()
    made.block.labels = Stream(bytes([1, 0, 1, 1, 0]))
    return Case(made, "BLOCK 0.labels")


@invalid("content-check", "PLADA-HEAD-009", twin=False)
def block_moved_between_equal_heads() -> Case:
    """A block of a file with the same HEAD but for `check`, with a repaired CRC."""
    made = draft(changed(positions=(3, 4, 5, 299, 301)))
    made.head = {"check": EXAMPLE.content_id[:4]}
    return Case(made, "HEAD.check")


@invalid("content-check", "PLADA-HEAD-009", twin=False)
def weight_changed_with_crc() -> Case:
    """A weight code was changed, and the block's CRC was repaired."""
    made = draft(WEIGHTED)
    made.block.weights = Stream(bytes([1, 1, 254, 255, 7]))
    return Case(made, "BLOCK 0.weights")


def _undeclared(made: Draft, fault: str, features: int = 0) -> Case:
    made.head["features"] = varint(features)
    return Case(made, fault)


@invalid("feature-undeclared", "PLADA-FEAT-001")
def zstd_labels_undeclared() -> Case:
    """The labels are Zstd and `zstd` is not required."""
    made = draft()
    made.block.labels = Stream(frames.stored(made.block.labels.stored), True, 5)
    return _undeclared(made, "BLOCK 0.labels")


@invalid("feature-undeclared", "PLADA-FEAT-001")
def zstd_names_undeclared() -> Case:
    """The class map is Zstd and `zstd` is not required."""
    case = zstd_for_the_class_map_alone()
    assert isinstance(case.file, Draft)
    return _undeclared(case.file, "CLASSES.text")


@invalid("feature-undeclared", "PLADA-FEAT-001")
def dense_positions_undeclared() -> Case:
    """The positions are dense and `dense` is not required."""
    return _undeclared(draft(encoding=DENSE), "BLOCK 0.positions")


@invalid("feature-undeclared", "PLADA-FEAT-001")
def dense_labels_undeclared() -> Case:
    """The labels are dense and only `zstd` is required."""
    return _undeclared(draft(shift=3), "BLOCK 0.labels", 1)


@invalid("feature-undeclared", "PLADA-FEAT-001", "PLADA-CHK-001")
def undeclared_comes_before_the_frame() -> Case:
    """The labels are no frame and Zstd without the feature: the feature comes first."""
    made = draft()
    made.block.labels.compressed = True
    return _undeclared(made, "BLOCK 0.labels")


@invalid("feature-unused", "PLADA-FEAT-002")
def zstd_required_and_unused() -> Case:
    """`zstd` is required and nothing is compressed."""
    return _head("features", b"\x01")


@invalid("feature-unused", "PLADA-FEAT-002")
def dense_required_and_unused() -> Case:
    """`dense` is required and nothing is dense."""
    return _head("features", b"\x04")


@invalid("feature-unused", "PLADA-FEAT-002")
def zstd_metadata_needs_no_feature() -> Case:
    """`zstd` is required and only the metadata is Zstd, which does not count."""
    made = draft()
    made.chunks.append(Chunk(0xC1, {"form": b"\x01", "text": frames.stored(b"{}")}))
    made.head = {"features": b"\x01"}
    return Case(made, "HEAD.features")


@invalid("kept-total", "PLADA-HEAD-007", "PLADA-CHK-001", twin=False)
def totals_come_before_trailing_bytes() -> Case:
    """An image is missing and a byte follows END: the total comes first."""
    case = one_image_too_few()
    assert isinstance(case.file, Draft)
    case.file.trailing = b"\x00"
    return Case(case.file, "HEAD.kept")


@invalid("kept-total", "PLADA-HEAD-007", "PLADA-CHK-001", twin=False)
def totals_in_order() -> Case:
    """K, features, `max_stream` and `check` are all wrong: K comes first."""
    made = draft()
    made.head = {"kept": b"\x06", "features": b"\x01", "max_stream": b"\x07", "check": bytes(4)}
    return Case(made, "HEAD.kept")


@invalid("feature-unused", "PLADA-FEAT-002", "PLADA-CHK-001", twin=False)
def features_before_max_stream() -> Case:
    """Features, `max_stream` and `check` are wrong: features come first."""
    made = draft()
    made.head = {"features": b"\x01", "max_stream": b"\x07", "check": bytes(4)}
    return Case(made, "HEAD.features")


@invalid("max-stream", "PLADA-HEAD-008", "PLADA-CHK-001", twin=False)
def max_stream_before_check() -> Case:
    """`max_stream` and `check` are wrong: `max_stream` comes first."""
    made = draft()
    made.head = {"max_stream": b"\x07", "check": bytes(4)}
    return Case(made, "HEAD.max_stream")


@invalid("varint-overflow", "PLADA-INT-001")
def pool_size_padded_to_nine_bytes() -> Case:
    """The pool's size is padded with zeros to nine bytes: eight bytes settle it."""
    return _head("pool_size", b"\xe8\x87" + b"\x80" * 6 + b"\x00")


@valid("PLADA-HEAD-006")
def steep_weight_scale_from_a_negative_low() -> Case:
    """A scale from low -32,768: read as unsigned, its weights would be too heavy."""
    return Case(draft(changed(scale=(8, -32_768, 1155), codes=(0, 1, 2, 3, 255))))


@invalid("weight-scale", "PLADA-HEAD-006")
def weight_beyond_2_to_1023_from_a_negative_low() -> Case:
    """A scale from low -32,768, the next steeper one than is allowed."""
    return _scale(8, -32_768, 1156)


@valid("PLADA-HEAD-006")
def steepest_weight_scale_of_4_bits() -> Case:
    """15 steps of 17,459 are allowed, as 4-bit codes have no more."""
    return Case(draft(changed(scale=(4, 3, 17_459), codes=(0, 1, 2, 3, 15))))


@invalid("weight-scale", "PLADA-HEAD-006")
def too_steep_weight_scale_of_4_bits() -> Case:
    """15 steps of 17,459 from low 4: the weight of the largest code is just above 2^1023."""
    made = draft(changed(scale=(4, 4, 17_459), codes=(0,) * 5))
    return Case(made, "HEAD.weight_scale")


@valid("PLADA-HEAD-008", "PLADA-BLK-004")
def largest_stream_is_the_weights() -> Case:
    """One class, so no labels: the largest stream is that of the weights."""
    meaning = changed(
        classes=1, names=None, labels=(0,) * 5, positions=(3, 4, 5, 6, 7), scale=(8, 0, 1)
    )
    return Case(draft(changed(meaning, codes=(9, 8, 7, 6, 5))))


@valid("PLADA-HEAD-008", "PLADA-FEAT-001", "PLADA-FEAT-002")
def second_block_is_the_larger_one() -> Case:
    """The second of three blocks has the largest stream, and alone it is dense and Zstd."""
    made = draft(parts=(slice(0, 1), slice(1, 4), slice(4, 5)))
    made.blocks[1] = block_of(made.meaning, DENSE, images=slice(1, 4))
    labels = made.blocks[1].labels
    labels.size, labels.compressed = len(labels.stored), True
    labels.stored = frames.stored(labels.stored)
    return Case(made)
