"""Plain labels and weight codes (specification, section 8.5)."""

from __future__ import annotations

from ..build import Stream, changed, draft
from ..vector import Case, invalid, valid


@valid("PLADA-LAB-001")
def labels_of_256_classes() -> Case:
    """The most classes whose labels take one byte each, the largest label among them."""
    return Case(draft(changed(classes=256, names=None, labels=(0, 255, 1, 128, 254))))


@valid("PLADA-LAB-001", "PLADA-STR-003")
def labels_of_257_classes() -> Case:
    """The fewest classes whose labels take two bytes each: low bytes, then high bytes."""
    return Case(draft(changed(classes=257, names=None, labels=(0, 255, 256, 1, 2))))


@valid("PLADA-LAB-001")
def classes_without_image() -> Case:
    """Most of the classes do not occur."""
    names = tuple(f"class {number}".encode() for number in range(40))
    return Case(draft(changed(classes=40, names=names, labels=(39, 39, 0, 39, 7))))


@valid("PLADA-LAB-002")
def weight_codes_of_4_bits_in_pairs() -> Case:
    """An even number of 4-bit codes."""
    meaning = changed(
        positions=(3, 4, 5, 300), labels=(0, 0, 1, 1), scale=(4, -8, 4), codes=(15, 0, 1, 14)
    )
    return Case(draft(meaning))


@invalid("label-range", "PLADA-LAB-001")
def label_c() -> Case:
    """A label is C."""
    made = draft()
    made.block.labels = Stream(b"\x00\x00\x01\x02\x00")
    return Case(made, "BLOCK 0.labels")


@invalid("label-range", "PLADA-LAB-001")
def label_255_of_255_classes() -> Case:
    """A label is 255 where C is 255."""
    made = draft(changed(classes=255, names=None))
    made.block.labels = Stream(b"\x00\x00\xff\x01\x00")
    return Case(made, "BLOCK 0.labels")


@invalid("label-range", "PLADA-LAB-001")
def high_byte_out_of_range() -> Case:
    """A label is 512 where C is 300: its low byte alone would be a label."""
    made = draft(changed(classes=300, names=None))
    made.block.labels = Stream(b"\x00\x00\x00\x01\x00" + b"\x00\x00\x02\x00\x00")
    return Case(made, "BLOCK 0.labels")


@invalid("label-range", "PLADA-LAB-001")
def label_65535_of_65535_classes() -> Case:
    """A label is 65,535 where C is 65,535."""
    made = draft(changed(classes=65_535, names=None))
    made.block.labels = Stream(b"\x00\x00\xff\x01\x00" + b"\x00\x00\xff\x00\x00")
    return Case(made, "BLOCK 0.labels")


@invalid("padding-bits", "PLADA-LAB-002")
def unused_half_of_weights() -> Case:
    """The unused half of the last byte of 4-bit codes is not zero."""
    made = draft(changed(scale=(4, 0, 1), codes=(1, 1, 1, 1, 1)))
    made.block.weights = Stream(b"\x11\x11\x11")
    return Case(made, "BLOCK 0.weights")


@invalid("label-range", "PLADA-LAB-001", "PLADA-CHK-001")
def labels_come_before_weights() -> Case:
    """A label is out of range and the weights are padded: labels come first."""
    made = draft(changed(scale=(4, 0, 1), codes=(1, 1, 1, 1, 1)))
    made.block.labels = Stream(b"\x00\x00\x01\x02\x00")
    made.block.weights = Stream(b"\x11\x11\x11")
    return Case(made, "BLOCK 0.labels")


@invalid("run-total", "PLADA-IDX-006", "PLADA-CHK-001")
def positions_come_before_labels() -> Case:
    """The runs go too far and a label is out of range: positions come first."""
    made = draft()
    made.block.positions = Stream(b"\x02\x11\x08\x9b\x00")
    made.block.labels = Stream(b"\x00\x00\x01\x02\x00")
    return Case(made, "BLOCK 0.positions")


@valid("PLADA-LAB-001", "PLADA-LAB-002", "PLADA-HEAD-009")
def weights_in_two_blocks() -> Case:
    """Blocks of three and two images with 16-bit labels and 4-bit codes, each with its halves."""
    meaning = changed(
        classes=300,
        names=None,
        labels=(0, 299, 256, 1, 255),
        scale=(4, -8, 4),
        codes=(15, 0, 7, 1, 14),
    )
    return Case(draft(meaning, parts=(slice(0, 3), slice(3, 5))))


@valid("PLADA-LAB-001")
def labels_of_255_classes() -> Case:
    """A label is 254 where C is 255."""
    return Case(draft(changed(classes=255, names=None, labels=(0, 254, 1, 128, 2))))


@invalid("label-range", "PLADA-LAB-001")
def label_257_of_257_classes() -> Case:
    """A label is 257 where C is 257, and its low byte is 1."""
    made = draft(changed(classes=257, names=None))
    made.block.labels = Stream(b"\x00\x00\x01\x01\x00" + b"\x00\x00\x01\x00\x00")
    return Case(made, "BLOCK 0.labels")


@invalid("label-range", "PLADA-LAB-001")
def last_label_of_the_second_block() -> Case:
    """The last label of the second block is C."""
    made = draft(parts=(slice(0, 3), slice(3, 5)))
    made.blocks[1].labels = Stream(b"\x01\x02")
    return Case(made, "BLOCK 1.labels")
