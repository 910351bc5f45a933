"""Fields of blocks, and where blocks lie (specification, section 8)."""

from __future__ import annotations

from .. import zstd_frames as frames
from ..build import (
    BITMAP,
    BLOCK,
    DELTA,
    DENSE,
    RLE,
    Block,
    Chunk,
    Draft,
    Stream,
    block_of,
    changed,
    draft,
    varint,
)
from ..vector import Case, invalid, valid

HALVES = (slice(0, 3), slice(3, 5))


def _raw(field: str, octets: bytes) -> Case:
    made = draft()
    made.block.raw = {field: octets}
    return Case(made, f"BLOCK 0.{field}")


@valid("PLADA-BLK-007", "PLADA-BLK-001", "PLADA-BLK-003", "PLADA-HEAD-007")
def two_blocks() -> Case:
    """Two blocks with a gap between them."""
    return Case(draft(parts=HALVES))


@valid("PLADA-BLK-007")
def blocks_that_touch() -> Case:
    """Each image in a block of its own; three of them are neighbours."""
    return Case(draft(parts=tuple(slice(at, at + 1) for at in range(5))))


@valid("PLADA-BLK-004", "PLADA-FEAT-001")
def blocks_of_every_encoding() -> Case:
    """A bitmap, distances, runs and a dense block in one file."""
    made = draft(
        changed(positions=(0, 9, 10, 20, 21, 22, 500, 999), labels=(0, 1, 0, 1, 1, 0, 1, 0))
    )
    made.blocks = [
        block_of(made.meaning, BITMAP, images=slice(0, 2)),
        block_of(made.meaning, DELTA, images=slice(2, 4)),
        block_of(made.meaning, RLE, images=slice(4, 6)),
        block_of(made.meaning, DENSE, images=slice(6, 8)),
    ]
    return Case(made)


@valid("PLADA-BLK-002")
def block_at_the_end_of_the_pool() -> Case:
    """The last position of the pool is kept."""
    return Case(draft(changed(positions=(3, 4, 5, 300, 999))))


@valid("PLADA-BLK-001", "PLADA-BLK-003")
def block_of_one_image() -> Case:
    """One block of one image, at the first position."""
    return Case(draft(changed(positions=(0,), labels=(1,))))


@invalid("body-short", "PLADA-HEAD-001")
def empty_block_body() -> Case:
    """BLOCK has no body."""
    made = draft()
    made.after = [Chunk(BLOCK)]
    made.blocks = []
    return Case(made, "BLOCK 0.length")


@invalid("body-short", "PLADA-HEAD-001")
def block_cut_in_span() -> Case:
    """BLOCK ends inside `span`."""
    made = draft()
    made.after = [Chunk(BLOCK, {"first": b"\x03", "span": b"\xab"})]
    made.blocks = []
    return Case(made, "BLOCK 0.span")


@invalid("body-short", "PLADA-HEAD-001")
def block_without_labels_size() -> Case:
    """BLOCK ends where `labels_size` should be, in a file with weights."""
    made = draft(changed(scale=(8, 0, 1), codes=(0,) * 5))
    parts = made.block.chunk().parts
    made.after = [Chunk(BLOCK, {name: parts[name] for name in list(parts)[:5]})]
    made.blocks = []
    return Case(made, "BLOCK 0.positions_size")


@invalid("varint-overlong", "PLADA-INT-002")
def overlong_first() -> Case:
    """`first` has a needless last byte."""
    return _raw("first", b"\x83\x00")


@invalid("varint-overlong", "PLADA-INT-002")
def overlong_positions_size() -> Case:
    """`positions_size` has a needless last byte."""
    return _raw("positions_size", b"\x85\x00")


@invalid("varint-overflow", "PLADA-INT-001")
def span_of_2_to_53() -> Case:
    """`span` is 2^53."""
    return _raw("span", b"\x80" * 7 + b"\x10")


@invalid("block-empty", "PLADA-BLK-001")
def span_0() -> Case:
    """A block spans no position."""
    return _raw("span", b"\x00")


@invalid("block-empty", "PLADA-BLK-001")
def count_0() -> Case:
    """A block keeps no image."""
    return _raw("count", b"\x00")


@invalid("block-outside-pool", "PLADA-BLK-002")
def block_one_beyond_the_pool() -> Case:
    """A block ends one position beyond the pool."""
    return _raw("first", varint(702))


@invalid("block-outside-pool", "PLADA-BLK-002")
def block_starts_beyond_the_pool() -> Case:
    """A block starts far beyond the pool; `first + span` would overflow 53 bits."""
    return _raw("first", varint(2**53 - 1))


@invalid("block-outside-pool", "PLADA-BLK-002", "PLADA-CHK-001")
def outside_comes_before_count() -> Case:
    """A block outside the pool that keeps no image: its range comes first."""
    made = draft()
    made.block.raw = {"first": varint(702), "count": b"\x00"}
    return Case(made, "BLOCK 0.first")


@invalid("block-count", "PLADA-BLK-003")
def count_above_span() -> Case:
    """Five images in a span of four."""
    return _raw("span", b"\x04")


@invalid("block-count", "PLADA-BLK-003")
def one_image_with_two_ends() -> Case:
    """One image in a span of 299, both of whose ends should be kept."""
    return _raw("count", b"\x01")


def _form(form: int) -> Case:
    made = draft()
    made.block.form = form
    return Case(made, "BLOCK 0.form")


@invalid("block-form", "PLADA-BLK-004")
def weights_zstd_without_weights() -> Case:
    """The form says that weights are Zstd; the file has none."""
    return _form(0x12)


@invalid("block-form", "PLADA-BLK-004")
def dense_positions_and_zstd() -> Case:
    """The form says that dense positions are Zstd."""
    return _form(0x07)


@invalid("block-form", "PLADA-BLK-004")
def dense_labels_and_zstd() -> Case:
    """The form says that dense labels are Zstd."""
    return _form(0x2A)


def _one_class(form: int) -> Case:
    made = draft(changed(classes=1, names=None, labels=(0,) * 5))
    made.block.form = form
    return Case(made, "BLOCK 0.form")


@invalid("block-form", "PLADA-BLK-004")
def dense_labels_of_one_class() -> Case:
    """Labels of one class are dense."""
    return _one_class(0x22)


@invalid("block-form", "PLADA-BLK-004")
def zstd_labels_of_one_class() -> Case:
    """Labels of one class are Zstd."""
    return _one_class(0x0A)


@invalid("bitmap-span", "PLADA-BLK-005")
def bitmap_over_2_to_28_and_1() -> Case:
    """A bitmap spans 2^28 + 1 positions and keeps two."""
    span = 2**28 + 1
    made = draft(changed(pool_size=2**30, positions=(0, span - 1), labels=(0, 1)), DELTA)
    made.block.form = BITMAP
    return Case(made, "BLOCK 0.span")


@valid("PLADA-BLK-005")
def sparsest_bitmap() -> Case:
    """A bitmap that spans 4,096 positions for each of its two images."""
    return Case(draft(changed(pool_size=2**14, positions=(0, 8191), labels=(0, 1)), BITMAP))


@invalid("bitmap-span", "PLADA-BLK-005")
def bitmap_too_sparse() -> Case:
    """A bitmap spans one position more than 4,096 for each of its two images."""
    made = draft(changed(pool_size=2**14, positions=(0, 8192), labels=(0, 1)), BITMAP)
    return Case(made, "BLOCK 0.span")


@invalid("block-streams", "PLADA-BLK-006")
def positions_beyond_the_block() -> Case:
    """`positions_size` is one more than what is left of the block."""
    return _raw("positions_size", b"\x0b")


@invalid("block-streams", "PLADA-BLK-006")
def labels_beyond_the_block() -> Case:
    """`labels_size` is one more than what is left of the block."""
    made = draft(changed(scale=(8, 0, 1), codes=(0,) * 5))
    made.block.raw = {"labels_size": b"\x0b"}
    return Case(made, "BLOCK 0.labels_size")


@invalid("block-streams", "PLADA-BLK-006")
def stream_of_2_to_53_less_1() -> Case:
    """`positions_size` is the largest varint."""
    return _raw("positions_size", b"\xff" * 7 + b"\x0f")


def _blocks(*ranges: tuple[int, int]) -> Draft:
    """A file of blocks with two images each, at both ends of these ranges."""
    made = draft(changed(positions=(0,) * (2 * len(ranges)), labels=(0, 1) * len(ranges)))
    made.blocks = [
        Block(first, last - first + 1, 2, BITMAP, Stream(_ends(last - first + 1)), Stream(b"\0\1"))
        for first, last in ranges
    ]
    made.head = {"check": bytes(4)}
    return made


def _ends(span: int) -> bytes:
    return (1 | 1 << (span - 1)).to_bytes((span + 7) // 8, "little")


@invalid("block-order", "PLADA-BLK-007")
def blocks_overlap_by_one() -> Case:
    """The second block starts at the last position of the first."""
    return Case(_blocks((10, 20), (20, 30)), "BLOCK 1.first")


@invalid("block-order", "PLADA-BLK-007")
def blocks_descend() -> Case:
    """The second block lies before the first."""
    return Case(_blocks((50, 60), (10, 20)), "BLOCK 1.first")


@invalid("block-order", "PLADA-BLK-007")
def block_within_a_gap() -> Case:
    """The second block lies inside the first one's range, between its images."""
    return Case(_blocks((10, 40), (20, 30)), "BLOCK 1.first")


@invalid("block-order", "PLADA-BLK-007")
def block_twice() -> Case:
    """A block is repeated."""
    return Case(_blocks((10, 20), (10, 20)), "BLOCK 1.first")


@invalid("block-count", "PLADA-BLK-003")
def one_image_in_a_span_of_two() -> Case:
    """One image in a span of two, both of whose ends should be kept."""
    made = draft()
    made.block.raw = {"span": b"\x02", "count": b"\x01"}
    return Case(made, "BLOCK 0.count")


@invalid("bitmap-span", "PLADA-BLK-005")
def bitmap_of_many_images_over_2_to_28_and_1() -> Case:
    """A bitmap spans 2^28 + 1 positions, and keeps enough images for that."""
    span, count = 2**28 + 1, 2**17
    made = draft(changed(pool_size=2**30, positions=(0, span - 1), labels=(0, 1)), DELTA)
    made.block.form = BITMAP
    made.block.raw = {"count": varint(count)}
    made.head = {"kept": varint(count)}
    return Case(made, "BLOCK 0.span")


@invalid("block-order", "PLADA-BLK-007")
def blocks_descend_under_the_right_check() -> Case:
    """The second block lies before the first; sorted, the images would be those of `check`."""
    made = draft(parts=HALVES)
    made.blocks.reverse()
    return Case(made, "BLOCK 1.first")


@valid("PLADA-BLK-006", "PLADA-STR-002")
def every_stream_compressed() -> Case:
    """Run lengths, labels and weights of two blocks are Zstd, and larger for it."""
    made = draft(changed(scale=(8, -256, 32), codes=(0, 1, 254, 255, 7)), parts=HALVES)
    for block in made.blocks:
        for stream in block.streams:
            stream.size, stream.compressed = len(stream.stored), True
            stream.stored = frames.stored(stream.stored)
    return Case(made)
