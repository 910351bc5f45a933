"""Dense streams (specification, section 9)."""

from __future__ import annotations

from collections.abc import Callable

from .. import appendix_b as spec
from ..build import BITMAP, DELTA, DENSE, Block, Draft, Meaning, Stream, block_of, changed, draft
from ..vector import Case, invalid, valid


def _many(count: int, classes: int) -> Meaning:
    """A payload of `count` images with distances of many widths and labels that come in runs."""
    state, at, label = 7, 0, 0
    positions, labels = [], []
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2**31
        at += 1 + (state >> 8) % (1 << ((state >> 24) % 9))
        if (state >> 16) % 4 == 0:
            label = (state >> 18) % classes
        positions.append(at)
        labels.append(label)
    return Meaning(
        classes=classes,
        names=None,
        pool_size=at + 1,
        positions=tuple(positions),
        labels=tuple(labels),
    )


@valid("PLADA-DNS-001", "PLADA-DNS-002", "PLADA-FEAT-001")
def dense_positions() -> Case:
    """The worked example with dense positions."""
    return Case(draft(encoding=DENSE))


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_labels() -> Case:
    """The worked example with dense labels."""
    return Case(draft(shift=2))


@valid("PLADA-DNS-002")
def dense_of_one_image() -> Case:
    """One image: no distance, an empty dense stream."""
    return Case(draft(changed(positions=(7,), labels=(1,)), DENSE, shift=1))


@valid("PLADA-DNS-001")
def dense_distances_of_every_width() -> Case:
    """Distances of widths 0 to 51, and the longest after them."""
    positions = [0]
    for width in range(52):
        positions.append(positions[-1] + 2**width)
    meaning = changed(
        names=None,
        pool_size=2**53 - 1,
        positions=tuple(positions),
        labels=tuple(index % 2 for index in range(len(positions))),
    )
    return Case(draft(meaning, DENSE))


@valid("PLADA-DNS-001")
def dense_distance_of_width_52() -> Case:
    """One distance of 2^53 - 2."""
    meaning = changed(pool_size=2**53 - 1, positions=(0, 2**53 - 2), labels=(1, 0))
    return Case(draft(meaning, DENSE))


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_2000_images_of_100_classes() -> Case:
    """2,000 images: models grow old, labels leave the queue and come back."""
    return Case(draft(_many(2000, 100), DENSE, shift=3))


@valid("PLADA-DNS-001")
def dense_labels_of_65536_classes() -> Case:
    """Literal labels of 16 bits."""
    return Case(draft(_many(60, 65_536), DELTA, shift=4))


def _register_shifts() -> None:
    for shift in range(1, 8):

        def make(shift: int = shift) -> Case:
            return Case(draft(_many(300, 20), DELTA, shift=shift))

        make.__name__ = f"dense_labels_of_shift_{shift}"
        make.__doc__ = f"Dense labels with shift {shift}, more classes than the queue holds."
        valid("PLADA-DNS-001", "PLADA-DNS-002", area="dense")(make)


_register_shifts()


def _positions(stream: bytes, meaning: Meaning | None = None) -> Case:
    made = draft(meaning or changed(), DENSE)
    made.block.positions = Stream(stream)
    return Case(made, "BLOCK 0.positions" if stream else "BLOCK 0.positions_size")


def _labels(write: Callable[[spec.Encoder], None], classes: int) -> Case:
    """Dense labels that `write` puts into the coder."""
    made = draft(changed(classes=classes, names=None), shift=1)
    coder = spec.Encoder()
    write(coder)
    made.block.labels = Stream(coder.finish())
    return Case(made, "BLOCK 0.labels")


class _Careless(spec.Labels):
    """The label model of an encoder that takes every label for a literal."""

    def write(self, coder: spec.Encoder, kind: int, label: int) -> None:
        self.begin(kind)
        for place in range(len(self.queue)):
            coder.bit(self.rank_model(place, kind), 0)
        node = 1
        for index in range(self.bits - 1, -1, -1):
            bit = (label >> index) & 1
            coder.bit(self.tree[node], bit)
            node = 2 * node + bit
        self.end(len(self.queue), label)


def _literals(labels: list[int], classes: int) -> Case:
    def write(coder: spec.Encoder) -> None:
        model = _Careless(classes, 1)
        for kind, label in zip(spec.kinds([3, 4, 5, 300, 301]), labels, strict=True):
            model.write(coder, kind, label)

    return _labels(write, classes)


@invalid("dense-corrupt", "PLADA-DNS-001")
def literal_label_c() -> Case:
    """A literal label is C."""
    return _literals([3, 0, 1, 2, 3], 3)


@invalid("dense-corrupt", "PLADA-DNS-001")
def last_literal_label_c() -> Case:
    """The last of five literal labels is the first one that is out of range."""
    return _literals([0, 1, 2, 3, 5], 5)


@invalid("dense-corrupt", "PLADA-DNS-001")
def literal_label_in_the_queue() -> Case:
    """A literal label stands in the queue, so that it has two spellings."""
    return _literals([0, 1, 0, 2, 3], 4)


def _wide(direct: int) -> Case:
    """31 distances of class 15, the last of which has this value in its six direct bits.

    A value of 64 needs a range that 64 does not divide, so the coder runs for a while before.
    """
    before = 30
    coder, model = spec.Encoder(), spec.Distances()
    for _ in range(before):
        model.write(coder, 2**15)
    node = 1
    for _ in range(4):
        coder.bit(model.widths[(model.average >> 3) * 16 + node], 1)
        node = 2 * node + 1
    coder.range = coder.range >> 6
    coder.low = coder.low + direct * coder.range
    coder.refill()
    count = before + 2
    made = Draft(Meaning(names=None, pool_size=2**20, positions=(0,), labels=(0,)))
    stream = bytes([*coder.out, *(coder.low % 2**32).to_bytes(4, "big")])
    made.blocks = [Block(0, 2**20, count, DENSE, Stream(stream), Stream(bytes(count)))]
    made.head = {"check": bytes(4)}
    return Case(made, "BLOCK 0.positions")


@invalid("dense-corrupt", "PLADA-DNS-001")
def direct_value_out_of_range() -> Case:
    """Six direct bits decode to 64."""
    return _wide(64)


@invalid("dense-corrupt", "PLADA-DNS-001")
def dense_width_53() -> Case:
    """A distance has the width 53."""
    return _wide(38)


@invalid("dense-corrupt", "PLADA-DNS-001")
def dense_stream_of_ones() -> Case:
    """A dense stream starts with FF FF FF FF and would decode to 16 neighbours all the same."""
    meaning = Meaning(
        classes=1, names=None, pool_size=16, positions=tuple(range(16)), labels=(0,) * 16
    )
    return _positions(b"\xff\xff\xff\xff\xf6", meaning)


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_stream_of_nearly_ones() -> Case:
    """The dense stream of 16 neighbours starts with FF FF FF FE, which is just allowed."""
    meaning = Meaning(
        classes=1, names=None, pool_size=16, positions=tuple(range(16)), labels=(0,) * 16
    )
    made = draft(meaning, DENSE)
    assert made.block.positions.stored.startswith(b"\xff\xff\xff\xfe")
    return Case(made)


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_range_of_2_to_24() -> Case:
    """The first distance has width 4: after its low bits the coder's range is 2^24 exactly."""
    return Case(draft(changed(positions=(0, 21, 40), labels=(0, 1, 1)), DENSE))


@invalid("dense-corrupt", "PLADA-DNS-001")
def dense_labels_of_ones() -> Case:
    """A dense label stream of eight FF bytes, where integers of 64 bits would overflow in time."""
    made = draft(shift=2)
    made.block.labels = Stream(b"\xff" * 8)
    return Case(made, "BLOCK 0.labels")


@invalid("dense-tail", "PLADA-DNS-002")
def zero_after_a_dense_stream() -> Case:
    """A zero byte follows a dense stream, which a decoder would read anyway."""
    return _positions(spec.write_dense_positions([0, 1, 2, 297, 298]) + b"\x00")


@invalid("dense-tail", "PLADA-DNS-002")
def byte_after_a_dense_stream() -> Case:
    """Nine bytes follow a dense stream, more than a decoder reads."""
    return _positions(spec.write_dense_positions([0, 1, 2, 297, 298]) + b"\x01" * 9)


@invalid("dense-tail", "PLADA-DNS-002")
def last_byte_of_a_dense_stream() -> Case:
    """The last byte is another one that decodes to the same distances."""
    stream = spec.write_dense_positions([0, 1, 2, 297, 298])
    return _positions(stream + b"\x01")


@invalid("dense-tail", "PLADA-DNS-002")
def dense_labels_with_a_longer_tail() -> Case:
    """Dense labels that end in a byte more than they need."""
    case = dense_labels()
    assert isinstance(case.file, Draft)
    case.file.block.labels.stored += b"\x01"
    return Case(case.file, "BLOCK 0.labels")


@invalid("distance-total", "PLADA-IDX-004")
def dense_distances_fall_short() -> Case:
    """Dense distances that end before the range does."""
    return _positions(spec.write_dense_positions([0, 1, 2, 296, 297]))


@invalid("distance-total", "PLADA-IDX-004")
def dense_distances_go_too_far() -> Case:
    """Dense distances that end beyond the range."""
    return _positions(spec.write_dense_positions([0, 1, 2, 297, 299]))


@invalid("distance-total", "PLADA-IDX-004")
def dense_distances_right_modulo_2_to_64() -> Case:
    """2,049 dense distances that add up to the range and 2^64."""
    span, largest = 2**52 + 5, 2**53 - 1
    relative = [number * largest for number in range(2049)]
    stream = spec.write_dense_positions([*relative, 2**64 + span - 1])
    made = draft(Meaning(names=None, pool_size=span, positions=(0,), labels=(0,)), DELTA)
    made.blocks = [Block(0, span, 2050, DENSE, Stream(stream), Stream(bytes(2050)))]
    made.head = {"check": bytes(4)}
    return Case(made, "BLOCK 0.positions")


@invalid("dense-tail", "PLADA-DNS-002", "PLADA-CHK-001")
def dense_distances_go_too_far_with_a_longer_tail() -> Case:
    """Dense distances that end beyond the range, and a byte too many: the tail comes first."""
    return _positions(spec.write_dense_positions([0, 1, 2, 297, 299]) + b"\x01")


@invalid("dense-tail", "PLADA-DNS-002", "PLADA-CHK-001")
def dense_distances_leave_the_range_early_with_a_longer_tail() -> Case:
    """The first dense distance leaves the range, three follow, and so does a byte too many."""
    return _positions(spec.write_dense_positions([0, 299, 300, 301, 302]) + b"\x01")


@invalid("dense-corrupt", "PLADA-DNS-001", "PLADA-CHK-001")
def dense_distances_go_too_far_before_a_bad_one() -> Case:
    """30 dense distances leave the range, and the last one cannot be decoded: that comes first."""
    case = _wide(64)
    assert isinstance(case.file, Draft)
    case.file.block.span = 2**15
    return case


@invalid("dense-tail", "PLADA-DNS-002", "PLADA-CHK-001")
def dense_distances_fall_short_with_a_longer_tail() -> Case:
    """Dense distances that end before the range does, and a byte too many: the tail comes first."""
    return _positions(spec.write_dense_positions([0, 1, 2, 296, 297]) + b"\x01")


@invalid("distance-total", "PLADA-IDX-004", "PLADA-DNS-002")
def dense_stream_of_nothing() -> Case:
    """An empty dense stream for four distances: the zeros that it reads as decode to others."""
    return _positions(b"")


def _spread(seed: int, count: int, *, widest: int, run: int, classes: int) -> Meaning:
    """A payload of `count` images far from each other, whose distances have every width alike."""
    state, at, label = seed, 70_000, 0
    positions, labels = [], []
    for _ in range(count):
        positions.append(at)
        state = (1103515245 * state + 12345) % 2**31
        if (state >> 16) % run == 0:
            label = (state >> 18) % classes
        labels.append(label)
        state = (1103515245 * state + 12345) % 2**31
        distance = 1 << (state >> 8) % (widest + 1)
        at += distance + (state >> 14) % distance
    return Meaning(
        classes=classes,
        names=None,
        pool_size=at + 1,
        positions=tuple(positions),
        labels=tuple(labels),
    )


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_labels_far_apart() -> Case:
    """Dense labels of images up to 2^18 apart: widths beyond 15 count as 15."""
    return Case(draft(_spread(1, 300, widest=17, run=5, classes=40), DELTA, shift=1))


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_labels_in_small_groups() -> Case:
    """Dense labels of images that are near and far in turn: odd weights are halved."""
    return Case(draft(_spread(3, 300, widest=9, run=5, classes=14), DENSE, shift=1))


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_labels_that_decay_and_halve() -> Case:
    """Dense labels whose weights would be others if they were halved before they decay."""
    return Case(draft(_spread(5, 300, widest=9, run=2, classes=14), DELTA, shift=3))


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_labels_of_equal_weights() -> Case:
    """With shift 1, a label that has occurred often weighs what a new one does, which wins."""
    labels = (0,) * 20 + (1, 0, 1, 1, 0, 1, 0, 0, 1, 2, 1, 0)
    meaning = Meaning(classes=3, names=None, positions=tuple(range(len(labels))), labels=labels)
    return Case(draft(meaning, shift=1))


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_labels_whose_first_distance_counts() -> Case:
    """Labels that would be others if the first image were taken to be 2 behind another one."""
    return Case(draft(_spread(128, 30, widest=7, run=5, classes=14), DELTA, shift=4))


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_labels_near_and_far_at_every_rank() -> Case:
    """One label of the heaviest class of weights and one of the lightest, both near and far."""
    at, positions, labels = 0, [0], [0]
    for number in range(1, 620):
        at += 2 if number % 30 == 0 else 5000
        positions.append(at)
        labels.append(1 if number % 120 in (60, 105) else 0)
    meaning = Meaning(
        classes=2,
        names=None,
        pool_size=at + 1,
        positions=tuple(positions),
        labels=tuple(labels),
    )
    return Case(draft(meaning, DELTA, shift=4))


@valid("PLADA-DNS-001", "PLADA-DNS-002")
def dense_labels_over_a_bitmap() -> Case:
    """Dense labels take their distances from a bitmap."""
    meaning = changed(_many(60, 9), pool_size=20_000)
    return Case(draft(meaning, BITMAP, shift=2))


@valid("PLADA-DNS-001", "PLADA-DNS-002", "PLADA-LAB-002")
def dense_blocks_start_afresh() -> Case:
    """Two dense blocks, far apart: models, queue, averages and distances start anew."""
    meaning = _spread(3, 600, widest=9, run=5, classes=14)
    near, far = meaning.positions[:251], meaning.positions[251:]
    meaning = changed(
        meaning,
        pool_size=2**20,
        positions=(*near, *(position + 2**15 for position in far)),
        scale=(4, -8, 4),
        codes=tuple(index % 16 for index in range(600)),
    )
    made = Draft(meaning)
    made.blocks = [
        block_of(meaning, DENSE, images=slice(0, 251), shift=3),
        block_of(meaning, DENSE, images=slice(251, 600), shift=5),
    ]
    return Case(made)


@valid("PLADA-LIM-002", "PLADA-DNS-001")
def many_small_dense_blocks() -> Case:
    """1,500 blocks of one image each, with dense labels of 65,536 classes: few models are used."""
    meaning = Meaning(
        classes=65_536,
        names=None,
        pool_size=3000,
        positions=tuple(range(0, 3000, 2)),
        labels=tuple(43 * index for index in range(1500)),
    )
    made = Draft(meaning)
    for at, label in enumerate(meaning.labels):
        # What `block_of` makes too, but it would set up all 65,536 models for each label.
        stream = Stream(_only_label(label, bits=16))
        empty = Stream(spec.write_delta([0]))
        made.blocks.append(Block(2 * at, 1, 1, DELTA, empty, stream, None, 1))
    return Case(made)


def _only_label(label: int, *, bits: int) -> bytes:
    """Return the dense labels of a block of one image: each bit has a model of its own, unused."""
    coder = spec.Encoder()
    for place in range(bits - 1, -1, -1):
        (model,) = spec.models(1)
        coder.bit(model, (label >> place) & 1)
    return bytes(coder.finish())


@invalid("dense-corrupt", "PLADA-DNS-001")
def direct_low_bits_out_of_range() -> Case:
    """The low bits of a distance of width 12 decode to 2^11, which carries into its width."""
    width, before = 12, 4
    coder, model = spec.Encoder(), spec.Distances()
    for _ in range(before):
        model.write(coder, 2**width)
    node = 1
    for place in (3, 2, 1, 0):
        bit = width >> place & 1
        coder.bit(model.widths[(model.average >> 3) * 16 + node], bit)
        node = 2 * node + bit
    coder.bit(model.second[width], 1)
    rest = width - 1
    assert coder.range % 2**rest  # else there is no such value
    coder.range = coder.range >> rest
    coder.low = coder.low + 2**rest * coder.range
    coder.refill()
    span = (before + 2) * 2**width + 1
    made = Draft(Meaning(names=None, pool_size=2**18, positions=(0,), labels=(0,)))
    stream = bytes([*coder.out, *(coder.low % 2**32).to_bytes(4, "big")])
    made.blocks = [Block(0, span, before + 2, DENSE, Stream(stream), Stream(bytes(before + 2)))]
    made.head = {"check": bytes(4)}
    return Case(made, "BLOCK 0.positions")


@invalid("dense-tail", "PLADA-DNS-002")
def byte_beyond_what_a_decoder_reads() -> Case:
    """A dense stream with the zeros that a decoder would read anyway, and one byte after them."""
    stream = spec.write_dense_positions([0, 1, 2, 297, 298])
    coder, model = spec.Decoder(stream), spec.Distances()
    for _ in range(4):
        model.read(coder)
    return _positions(stream.ljust(coder.at, b"\x00") + b"\x01")


@invalid("dense-tail", "PLADA-DNS-002")
def another_last_byte_of_a_dense_stream() -> Case:
    """The last byte is the next one, which decodes to the same distances: no byte is too many."""
    stream = spec.write_dense_positions([0, 5, 53])
    meaning = changed(positions=(3, 8, 56), labels=(0, 1, 1))
    return _positions(stream[:-1] + bytes([stream[-1] + 1]), meaning)


@invalid("dense-corrupt", "PLADA-DNS-001")
def literal_label_in_the_queue_of_the_second_block() -> Case:
    """The second block's literal label stands in its queue."""
    case = literal_label_in_the_queue()
    assert isinstance(case.file, Draft)
    made = draft(changed(classes=4, names=None, pool_size=2000), shift=1)
    second = case.file.block
    second.first = 1000
    made.blocks.append(second)
    made.head = {"check": bytes(4)}
    return Case(made, "BLOCK 1.labels")
