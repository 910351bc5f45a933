"""Split integers and the position encodings (specification, sections 7.3 and 8.1 to 8.4)."""

from __future__ import annotations

from dataclasses import replace

from .. import appendix_b as spec
from ..build import BITMAP, DELTA, DENSE, RLE, Block, Draft, Meaning, Stream, draft, varint
from ..vector import Case, invalid, valid

LARGEST = 2**53 - 1


def _kept(*positions: int, encoding: int) -> Draft:
    size = max(1000, positions[-1] + 1)
    labels = tuple(index % 2 for index in range(len(positions)))
    meaning = Meaning(names=None, pool_size=size, positions=positions, labels=labels)
    return draft(meaning, encoding)


def _stream(stream: bytes, *, span: int, count: int, encoding: int) -> Case:
    """A block from position 0 with this position stream; it means nothing in particular."""
    made = draft(Meaning(names=None, pool_size=max(1000, span), positions=(0,), labels=(0,)), DELTA)
    made.blocks = [Block(0, span, count, encoding, Stream(stream), Stream(bytes(count)))]
    made.head = {"check": bytes(4)}
    return Case(made, "BLOCK 0.positions")


def _delta(stream: bytes, span: int, count: int) -> Case:
    return _stream(stream, span=span, count=count, encoding=DELTA)


def _bitmap(stream: bytes, span: int, count: int) -> Case:
    return _stream(stream, span=span, count=count, encoding=BITMAP)


def _runs(runs: int, lengths: list[int], *, span: int, count: int) -> Case:
    stream = varint(runs) + spec.write_split(lengths)
    return _stream(stream, span=span, count=count, encoding=RLE)


@valid("PLADA-IDX-001", "PLADA-IDX-002", "PLADA-IDX-003")
def bitmap_of_9_positions() -> Case:
    """A bitmap whose last byte has one used bit."""
    return Case(_kept(0, 4, 8, encoding=BITMAP))


@valid("PLADA-IDX-001")
def bitmap_of_8_positions() -> Case:
    """A bitmap without padding."""
    return Case(_kept(10, 13, 17, encoding=BITMAP))


@valid("PLADA-IDX-003")
def bitmap_of_one_position() -> Case:
    """A bitmap over one position."""
    return Case(_kept(5, encoding=BITMAP))


@valid("PLADA-IDX-001")
def bitmap_with_every_bit() -> Case:
    """A bitmap over 17 positions, all of them kept."""
    return Case(_kept(*range(17), encoding=BITMAP))


@valid("PLADA-IDX-004", "PLADA-SPL-003")
def distances_of_an_odd_number() -> Case:
    """Three distances: half a byte of widths is unused."""
    return Case(_kept(3, 4, 90, 300, encoding=DELTA))


@valid("PLADA-IDX-004", "PLADA-SPL-002")
def distances_of_1() -> Case:
    """Neighbours only: the distances have no low bits."""
    return Case(_kept(*range(100, 120), encoding=DELTA))


@valid("PLADA-SPL-001", "PLADA-SPL-002")
def distance_of_width_15() -> Case:
    """Distances of widths 14, 15 and 16, around the escape."""
    return Case(_kept(0, 2**15 - 1, 2**16 - 1, 2**17 + 5, encoding=DELTA))


@valid("PLADA-SPL-001", "PLADA-IDX-004")
def distance_of_width_52() -> Case:
    """The largest distance that a pool allows, 2^53 - 2."""
    return Case(_kept(0, LARGEST - 1, encoding=DELTA))


@valid("PLADA-IDX-004")
def delta_of_one_image() -> Case:
    """One image has no distance and an empty stream."""
    return Case(_kept(77, encoding=DELTA))


@valid("PLADA-IDX-005", "PLADA-IDX-006", "PLADA-IDX-002")
def one_run() -> Case:
    """All kept images are neighbours: one run."""
    return Case(_kept(*range(50, 90), encoding=RLE))


@valid("PLADA-IDX-005")
def as_many_runs_as_images() -> Case:
    """No two kept images are neighbours: as many runs as images."""
    return Case(_kept(1, 3, 5, 7, 9, encoding=RLE))


@valid("PLADA-IDX-006", "PLADA-SPL-001")
def runs_far_apart() -> Case:
    """Two runs with nearly the largest pool between them."""
    return Case(_kept(0, 1, LARGEST - 2, LARGEST - 1, encoding=RLE))


@invalid("padding-bits", "PLADA-IDX-001")
def bit_beyond_the_bitmap() -> Case:
    """A bit beyond the ninth position is set."""
    return _bitmap(b"\x11\x05", 9, 3)


@invalid("padding-bits", "PLADA-IDX-001", "PLADA-CHK-001")
def bit_beyond_makes_up_the_count() -> Case:
    """The padding holds the image that the range lacks: padding comes first."""
    return _bitmap(b"\x01\x80", 9, 2)


@invalid("position-count", "PLADA-IDX-002")
def bitmap_keeps_too_few() -> Case:
    """A bitmap keeps three images and the block says four."""
    return _bitmap(b"\x91", 8, 4)


@invalid("position-count", "PLADA-IDX-002")
def bitmap_keeps_too_many() -> Case:
    """A bitmap keeps four images and the block says three."""
    return _bitmap(b"\x93", 8, 3)


@invalid("block-not-tight", "PLADA-IDX-003")
def first_position_not_kept() -> Case:
    """The first position of a bitmap's range is not kept."""
    return _bitmap(b"\x92", 8, 3)


@invalid("block-not-tight", "PLADA-IDX-003")
def last_position_not_kept() -> Case:
    """The last position of a bitmap's range is not kept."""
    return _bitmap(b"\x49", 8, 3)


@invalid("block-not-tight", "PLADA-IDX-003")
def last_position_in_a_byte_of_its_own() -> Case:
    """The last position of a bitmap's range has a byte of its own and is not kept."""
    return _bitmap(b"\x07\x00", 9, 3)


@invalid("distance-total", "PLADA-IDX-004")
def distances_fall_short() -> Case:
    """The distances end one position before the range does."""
    return _delta(spec.write_split([1, 1, 1, 1]), 6, 5)


@invalid("distance-total", "PLADA-IDX-004")
def distances_go_too_far() -> Case:
    """The distances end one position beyond the range."""
    return _delta(spec.write_split([1, 1, 1, 2]), 5, 5)


@invalid("distance-total", "PLADA-IDX-004")
def distances_beyond_2_to_53() -> Case:
    """Four distances of 2^53 - 1: the sum fits 64 bits and no double."""
    return _delta(spec.write_split([LARGEST] * 4), 2**52 + 5, 5)


@invalid("distance-total", "PLADA-IDX-004")
def distances_right_modulo_2_to_64() -> Case:
    """2,049 distances that add up to the range and 2^64."""
    span = 2**52 + 5
    return _delta(spec.write_split([LARGEST] * 2048 + [span + 2047]), span, 2050)


@invalid("distance-total", "PLADA-IDX-004")
def distances_of_2_to_64_from_position_1() -> Case:
    """2,049 distances of 2^53 - 1 from position 1: the last position exceeds 64 bits."""
    case = _delta(spec.write_split([LARGEST] * 2049), 2**52 + 5, 2050)
    assert isinstance(case.file, Draft)
    case.file.meaning = replace(case.file.meaning, pool_size=2**52 + 6)
    case.file.block.first = 1
    return case


@invalid("integer-width", "PLADA-SPL-001")
def wide_of_14() -> Case:
    """A width of 14 is written as a wide one."""
    return _delta(b"\xff\x00" + b"\x0e\x0e" + bytes(4), 2**20, 5)


@invalid("integer-width", "PLADA-SPL-001")
def wide_of_14_behind_a_larger_one() -> Case:
    """Two widths are wide ones, 20 and 14, of which the second is too small."""
    return _delta(b"\xff" + b"\x14\x0e" + bytes(5), 2**20 + 2**14 + 1, 3)


@invalid("padding-bits", "PLADA-SPL-003")
def padding_behind_many_low_bits() -> Case:
    """Three distances have 13 low bits, and the highest bit of the second byte is set."""
    return _delta(b"\x44\x05" + b"\x00\x80", 65, 4)


@invalid("integer-width", "PLADA-SPL-001")
def wide_of_53() -> Case:
    """A width is 53: the integer would be 2^53 or more."""
    return _delta(b"\xff\x00" + b"\x35\x0f" + bytes(9), 2**52, 5)


@invalid("integer-width", "PLADA-SPL-001")
def wide_of_255() -> Case:
    """A width is 255."""
    return _delta(b"\x0f\xff" + bytes(6), 2**52, 2)


@invalid("integer-size", "PLADA-SPL-002")
def low_bits_a_byte_too_many() -> Case:
    """A byte more than the widths call for."""
    return _delta(b"\x11\x11" + b"\x00\x00", 9, 5)


@invalid("integer-size", "PLADA-SPL-002")
def low_bits_missing() -> Case:
    """The low bits are missing."""
    return _delta(b"\x11\x11", 9, 5)


@invalid("integer-size", "PLADA-SPL-002")
def wide_cut_short() -> Case:
    """Three wide widths for four escapes."""
    return _delta(b"\xff\xff\x0f\x0f\x0f", 2**20, 5)


@invalid("integer-size", "PLADA-SPL-002")
def run_lengths_cut_in_widths() -> Case:
    """Two runs call for two bytes of widths and there is one."""
    return _stream(b"\x02\x11", span=299, count=5, encoding=RLE)


@invalid("integer-size", "PLADA-SPL-002", "PLADA-INT-002")
def run_number_never_ends() -> Case:
    """The stream ends inside the number of runs."""
    return _stream(b"\x80\x80", span=299, count=5, encoding=RLE)


@invalid("padding-bits", "PLADA-SPL-003")
def unused_half_of_widths() -> Case:
    """The unused half of the last byte of widths is not zero."""
    return _delta(b"\x00\x10", 4, 4)


@invalid("padding-bits", "PLADA-SPL-003", "PLADA-CHK-001")
def unused_half_says_escape() -> Case:
    """The unused half is an escape: padding comes before the wide widths that it would need."""
    return _delta(b"\x00\xf0", 4, 4)


@invalid("padding-bits", "PLADA-SPL-003")
def unused_low_bits() -> Case:
    """An unused bit of the last byte of low bits is set."""
    return _delta(b"\x11\x00\x04", 7, 5)


@invalid("varint-overlong", "PLADA-INT-002")
def overlong_run_number() -> Case:
    """The number of runs has a needless last byte."""
    return _stream(b"\x82\x00\x11\x08\x99", span=299, count=5, encoding=RLE)


@invalid("varint-overflow", "PLADA-INT-001")
def run_number_of_2_to_53() -> Case:
    """The number of runs is 2^53."""
    return _stream(b"\x80" * 7 + b"\x10", span=299, count=5, encoding=RLE)


@invalid("run-count", "PLADA-IDX-005")
def no_run() -> Case:
    """There are no runs."""
    return _stream(b"\x00\x11\x08\x99\x00", span=299, count=5, encoding=RLE)


@invalid("run-count", "PLADA-IDX-005")
def more_runs_than_images() -> Case:
    """Six runs of five images."""
    return _stream(b"\x06\x11\x08\x99\x00", span=299, count=5, encoding=RLE)


@invalid("run-count", "PLADA-IDX-005")
def more_runs_than_gaps() -> Case:
    """Three runs where only one position is skipped."""
    return _stream(b"\x03" + spec.write_split([1, 1, 2, 1, 1]), span=5, count=4, encoding=RLE)


@invalid("run-count", "PLADA-IDX-005", "PLADA-LIM-001")
def run_number_of_2_to_53_less_1() -> Case:
    """The number of runs is the largest varint; nothing may be allocated for it."""
    return _stream(b"\xff" * 7 + b"\x0f", span=299, count=5, encoding=RLE)


@invalid("run-total", "PLADA-IDX-006")
def runs_go_too_far() -> Case:
    """The runs end one position beyond the range."""
    return _runs(2, [3, 2, 295], span=299, count=5)


@invalid("run-total", "PLADA-IDX-006")
def runs_fall_short() -> Case:
    """The runs end one position before the range does."""
    return _runs(2, [3, 2, 293], span=299, count=5)


@invalid("run-total", "PLADA-IDX-006")
def runs_right_modulo_2_to_64() -> Case:
    """2,049 run lengths that add up to the range and 2^64."""
    span = 2**52 + 5
    return _runs(1025, [LARGEST] * 2048 + [span + 2048], span=span, count=2000)


@invalid("position-count", "PLADA-IDX-002")
def runs_keep_too_few() -> Case:
    """The kept runs hold four images and the block says five."""
    return _runs(2, [2, 2, 295], span=299, count=5)


@invalid("position-count", "PLADA-IDX-002")
def runs_keep_too_many() -> Case:
    """The kept runs hold six images and the block says five."""
    return _runs(2, [3, 3, 293], span=299, count=5)


@invalid("run-total", "PLADA-IDX-006", "PLADA-CHK-001")
def runs_total_before_count() -> Case:
    """The runs neither fill the range nor keep the count: the range comes first."""
    return _runs(2, [3, 3, 295], span=299, count=5)


@valid("PLADA-SPL-001", "PLADA-SPL-002", "PLADA-IDX-004")
def distances_of_every_width() -> Case:
    """Distances of widths 0 to 51 and back, so that wide ones start at every bit of a byte."""
    positions = [0]
    for width in (*range(52), *range(50, 0, -1)):
        positions.append(positions[-1] + 2**width + (2**width - 1) // 3)
    positions = [position for position in positions if position < LARGEST]
    return Case(_kept(*positions, encoding=DELTA))


@valid("PLADA-STR-003")
def delta_in_a_span_of_2_to_9_and_1() -> Case:
    """One distance of 2^9: its low bits take two bytes, as many as the span allows."""
    return Case(_kept(0, 2**9, encoding=DELTA))


@invalid("stream-size", "PLADA-STR-003")
def delta_in_a_span_of_2_to_9() -> Case:
    """A byte more than the low bits of a distance below 2^9 can take."""
    return _delta(b"\x09\x00\x00", 2**9, 2)


@valid("PLADA-STR-003", "PLADA-SPL-001")
def delta_in_a_span_of_2_to_15_and_1() -> Case:
    """One distance of 2^15, the smallest whose width takes a byte of its own."""
    return Case(_kept(0, 2**15, encoding=DELTA))


@invalid("stream-size", "PLADA-STR-003")
def delta_in_a_span_of_2_to_15() -> Case:
    """A byte of its own for a width that a span of 2^15 does not allow."""
    return _delta(b"\x0f\x0f\x00\x00", 2**15, 2)


@invalid("integer-size", "PLADA-SPL-002")
def rle_at_its_upper_bound() -> Case:
    """As many bytes as three run lengths within a span of five can take, and eight more."""
    return _stream(b"\x01" + bytes(10), span=5, count=4, encoding=RLE)


@invalid("stream-size", "PLADA-STR-003")
def rle_above_its_bounds_for_few_gaps() -> Case:
    """A byte more: one position is skipped, so that there are three run lengths at most."""
    return _stream(b"\x01" + bytes(11), span=5, count=4, encoding=RLE)


def _register_ends() -> None:
    for name, encoding in (("bitmap", BITMAP), ("delta", DELTA), ("rle", RLE), ("dense", DENSE)):

        def make(encoding: int = encoding) -> Case:
            return Case(_kept(LARGEST - 20, LARGEST - 2, LARGEST - 1, encoding=encoding))

        make.__name__ = f"{name}_at_the_end_of_the_largest_pool"
        make.__doc__ = (
            f"A block ({name}) that ends with position 2^53 - 2: adding in another order than "
            "first + (a - b) loses a bit where integers are doubles."
        )
        valid("PLADA-INT-001", "PLADA-BLK-002", area="positions")(make)


_register_ends()
