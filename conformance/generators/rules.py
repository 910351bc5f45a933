"""Rules over pool codes (specification, section 17)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import appendix_b as spec
from .. import zstd_frames as frames
from ..build import (
    DELTA,
    META,
    RULE,
    Block,
    Chunk,
    Draft,
    Meaning,
    block_of,
    changed,
    class_map,
    draft,
    metadata_chunk,
    names_chunk,
    varint,
)
from ..vector import Case, invalid, limit, valid

Rows = tuple[tuple[int, ...], ...]


def _table(images: int, columns: int, seed: int = 3) -> Rows:
    """Return codes of every size, -128 and 127 among them."""
    state, rows = seed, []
    for _ in range(images):
        row = []
        for _ in range(columns):
            state = (1103515245 * state + 12345) % 2**31
            row.append((state >> 16) % 256 - 128)
        rows.append(tuple(row))
    return tuple(rows)


def _octets(codes: Rows) -> list[bytes]:
    return [bytes(code % 256 for code in row) for row in codes]


CODES = _table(40, 4)


@dataclass(frozen=True)
class _Rule:
    """A rule, and the codes of the pool."""

    weights: Rows = ((2, -1, 0), (-3, 1, 1), (1, 0, -1))
    biases: tuple[int, ...] = (40, -20, 0)
    thresholds: tuple[int, ...] = (200, 300, 100)
    top: int = 3
    shift: int = 1
    codes: Rows = CODES
    images: int = 40

    @property
    def columns(self) -> int:
        return len(self.weights[0])

    def kept(self) -> dict[int, int]:
        """Return the label of each position that it keeps."""
        found = spec.kept_by_rule(
            self.weights, self.biases, self.thresholds, self.codes[: self.images]
        )
        return dict(found)

    def chunk(self, **parts: bytes) -> Chunk:
        codes_id: bytes = spec.codes_id(self.codes[: self.images])
        stream: bytes = spec.write_rule(
            self.weights, self.biases, self.thresholds, self.top, self.shift
        )
        fields = {
            "codes_id": codes_id[:8],
            "columns": varint(self.columns),
            "scale": bytes([self.top | self.shift << 4]),
            "stream": stream,
        }
        return Chunk(RULE, fields | parts)


def _meaning(rule: _Rule, labels: dict[int, int], **changes: Any) -> Meaning:
    parts = {
        "pool_size": rule.images,
        "classes": len(rule.weights),
        "names": None,
        "positions": tuple(sorted(labels)),
        "labels": tuple(labels[position] for position in sorted(labels)),
    }
    return changed(**parts | changes)


def _file(rule: _Rule, listed: dict[int, int] | None = None, **parts: bytes) -> Draft:
    """Return a file with a rule and, for `listed`, a block."""
    listed = listed or {}
    made = Draft(_meaning(rule, rule.kept() | listed))
    made.chunks.append(rule.chunk(**parts))
    if listed:
        made.blocks.append(_block(rule, listed))
    return made


def _block(rule: _Rule, listed: dict[int, int]) -> Block:
    return block_of(_meaning(rule, listed), DELTA)


def _case(made: Draft, rule: _Rule, fault: str | None = None, **more: Any) -> Case:
    return Case(made, fault, codes=_octets(rule.codes), **more)


def _of(rule: _Rule, listed: dict[int, int] | None = None) -> Case:
    return _case(_file(rule, listed), rule)


PLAIN = _Rule()


@valid(
    "PLADA-RULE-001",
    "PLADA-RULE-003",
    "PLADA-RULE-004",
    "PLADA-CODE-001",
    "PLADA-FEAT-001",
    "PLADA-FEAT-003",
    "PLADA-HEAD-008",
)
def rule_alone() -> Case:
    """A rule that uses three of four columns of codes; `max_stream` does not count its stream."""
    return _of(PLAIN)


@valid("PLADA-RULE-004", "PLADA-HEAD-007")
def rule_with_a_block() -> Case:
    """A block that names images which the rule does not keep, and gives another label to some."""
    kept = PLAIN.kept()
    listed = {position: (kept.get(position, 0) + 1) % 3 for position in range(0, 40, 3)}
    assert set(listed) & set(kept)
    assert set(listed) - set(kept)
    return _of(PLAIN, listed)


@valid("PLADA-RULE-004")
def rule_and_block_agree() -> Case:
    """A block that names images which the rule keeps anyway: they count once."""
    kept = sorted(PLAIN.kept().items())[::2]
    return _of(PLAIN, dict(kept))


@valid("PLADA-RULE-002", "PLADA-RULE-004")
def rule_that_keeps_nothing() -> Case:
    """Thresholds of 2^25, which no margin reaches."""
    return _of(replace(PLAIN, thresholds=(2**25,) * 3))


@valid("PLADA-RULE-004")
def rule_of_equal_scores() -> Case:
    """All scores are equal: the first class, and a margin of 0 that reaches a threshold of 0."""
    weights = ((1, -1, 2),) * 3
    return _of(replace(PLAIN, weights=weights, biases=(0, 0, 0), thresholds=(0, 0, 0)))


@valid("PLADA-RULE-004")
def rule_of_two_best_classes() -> Case:
    """The last two classes are always equal: the smaller number wins, with a margin of 0."""
    weights = ((-1, 0, 0), (1, 1, 0), (1, 1, 0))
    return _of(replace(PLAIN, weights=weights, biases=(0, 0, 0), thresholds=(50, 0, 0)))


@valid("PLADA-RULE-004")
def rule_of_equal_scores_below_a_threshold() -> Case:
    """The same with thresholds of 1: an image whose best two scores are equal is not kept."""
    weights = ((-1, 0, 0), (1, 1, 0), (1, 1, 0))
    rule = replace(PLAIN, weights=weights, biases=(0, 0, 0), thresholds=(1, 1, 1), shift=0)
    assert 0 < len(rule.kept()) < 40
    return _of(rule)


def _on_the_threshold(above: int) -> _Rule:
    rule = replace(PLAIN, biases=(0, 0, 0), thresholds=(0, 0, 0), shift=0)
    scores = [
        sorted(sum(w * x for w, x in zip(row, codes, strict=False)) for row in rule.weights)
        for codes in rule.codes
    ]
    margins = sorted({row[-1] - row[-2] for row in scores})
    return replace(rule, thresholds=(margins[len(margins) // 2] + above,) * 3)


@valid("PLADA-RULE-004")
def rule_threshold_just_reached() -> Case:
    """A margin that is the threshold: kept."""
    return _of(_on_the_threshold(0))


@valid("PLADA-RULE-004")
def rule_threshold_just_missed() -> Case:
    """A margin one below the threshold: not kept."""
    return _of(_on_the_threshold(1))


def _of_codes_from(first: int, rule: _Rule) -> _Rule:
    """Return a rule whose margins are the difference of its two biases and `first`, +1, ... +39."""
    codes = tuple((first + position, 0, 0, 0) for position in range(40))
    return replace(rule, weights=((1, 0, 0), (0, 0, 0)), top=1, shift=0, codes=codes)


@valid("PLADA-RULE-004")
def rule_of_margins_above_2_to_24() -> Case:
    """Odd margins and thresholds above 2^24, which single precision rounds to even ones."""
    rule = _of_codes_from(-20, replace(PLAIN, biases=(2**23, -(2**23)), thresholds=(2**24 + 1, 0)))
    assert len(rule.kept()) == 19
    return _of(rule)


@valid("PLADA-RULE-002", "PLADA-RULE-004")
def rule_of_the_largest_margin() -> Case:
    """A margin of 2^25 - 3 is a threshold: scores of both signs, as large as they may be."""
    biases = (2**24 - 1 - 128, -(2**24 - 1))
    rule = _of_codes_from(88, replace(PLAIN, biases=biases, thresholds=(2**25 - 3, 0)))
    assert len(rule.kept()) == 1
    return _of(rule)


@valid("PLADA-RULE-001", "PLADA-RULE-004")
def rule_of_largest_weights() -> Case:
    """Weights from -15 to 15 and codes of -128."""
    codes = tuple((-128, 127, -128, row[3]) for row in PLAIN.codes[:20]) + PLAIN.codes[20:]
    weights = ((15, -15, 7), (-15, 15, -8), (14, 1, -14))
    return _of(replace(PLAIN, weights=weights, top=15, codes=codes))


@valid("PLADA-RULE-001")
def rule_with_a_top_that_is_not_reached() -> Case:
    """A top of 9 over weights of at most 3: a longer stream, and the same meaning."""
    return _of(replace(PLAIN, top=9))


@valid("PLADA-RULE-001", "PLADA-RULE-002")
def rule_with_the_largest_shift() -> Case:
    """A shift of 15: biases and thresholds are multiples of 32,768."""
    return _of(replace(PLAIN, biases=(32_768, -65_536, 0), thresholds=(0, 0, 32_768), shift=15))


def _largest_biases(above: int) -> _Rule:
    sums = [128 * sum(map(abs, row)) for row in PLAIN.weights]
    largest = [2**24 - 1 - total for total in sums]
    biases = (largest[0], -largest[1] - above, largest[2])
    return replace(PLAIN, biases=biases, thresholds=(0, 2**25, 0), shift=0)


@valid("PLADA-RULE-002")
def rule_of_largest_scores() -> Case:
    """Biases with which scores just stay below 2^24, negative and positive."""
    return _of(_largest_biases(0))


@valid("PLADA-RULE-003", "PLADA-CODE-001")
def rule_on_a_pool_that_has_grown() -> Case:
    """Codes of 50 images, where the rule is for the first 40."""
    return _of(replace(PLAIN, codes=_table(50, 4)))


@valid("PLADA-RULE-001")
def rule_of_one_column() -> Case:
    """Two classes and one column."""
    rule = replace(PLAIN, weights=((1,), (-1,)), biases=(0, 0), thresholds=(100, 150))
    return _of(rule)


@valid("PLADA-RULE-001", "PLADA-CODE-001")
def rule_on_an_empty_pool() -> Case:
    """A pool of no images, that has grown since."""
    return _of(replace(PLAIN, images=0))


def _weights(classes: int, columns: int) -> Rows:
    table = _table(classes, columns, seed=9)
    # Small weights are more frequent than large ones.
    return tuple(tuple(code * code * code // 2**19 for code in row) for row in table)


@valid("PLADA-RULE-001", "PLADA-RULE-004", "PLADA-LIM-002")
def rule_of_1024_columns() -> Case:
    """The most columns: models grow old."""
    rule = _Rule(
        weights=_weights(5, 1024),
        biases=(0, 8, -8, 16, 0),
        thresholds=(1000,) * 5,
        top=4,
        shift=3,
        codes=_table(12, 1024),
        images=12,
    )
    return _of(rule)


@valid("PLADA-RULE-004")
def rule_of_300_classes() -> Case:
    """More classes than a byte holds, thresholds and biases of many widths."""
    rule = _Rule(
        weights=_weights(300, 8),
        biases=tuple((-1) ** number * (number**3 // 60_000) for number in range(300)),
        thresholds=tuple(2 ** (number % 20) // 8 for number in range(300)),
        top=4,
        shift=0,
        codes=_table(30, 8),
        images=30,
    )
    return _of(rule)


@valid("PLADA-RULE-004", "PLADA-CON-007")
def rule_after_metadata() -> Case:
    """The order META, RULE, BLOCK."""
    made = _file(PLAIN, {0: 1, 5: 2})
    made.chunks.insert(0, metadata_chunk(b'{"licence":"CC0-1.0"}'))
    return _case(made, PLAIN)


# What is refused.


@invalid("unknown-critical-chunk", "PLADA-CON-005", twin=False)
def rule_undeclared() -> Case:
    """A RULE in a file whose HEAD does not require the feature: an unknown critical chunk."""
    made = _file(PLAIN)
    made.head["features"] = varint(0)
    return _case(made, PLAIN, "RULE.type")


@invalid("feature-unused", "PLADA-FEAT-002", twin=False)
def rule_declared_and_absent() -> Case:
    """HEAD requires the feature `rule`, and there is no RULE."""
    made = draft()
    made.head["features"] = varint(16)
    return Case(made, "HEAD.features")


@invalid("feature-conflict", "PLADA-FEAT-003")
def rule_and_weights() -> Case:
    """HEAD requires both `weights` and `rule`."""
    made = draft(changed(scale=(8, -256, 4), codes=(0, 1, 2, 3, 4)))
    made.head["features"] = varint(2 | 16)
    return Case(made, "HEAD.features")


@invalid("unknown-feature", "PLADA-HEAD-005", "PLADA-CHK-001", twin=False)
def unknown_feature_before_conflict() -> Case:
    """HEAD requires `weights`, `rule` and a feature that nobody knows: that comes first."""
    made = draft(changed(scale=(8, -256, 4), codes=(0, 1, 2, 3, 4)))
    made.head["features"] = varint(2 | 8 | 16)
    return Case(made, "HEAD.features")


@invalid("feature-conflict", "PLADA-FEAT-003", "PLADA-CHK-001", twin=False)
def conflict_before_the_weight_scale() -> Case:
    """HEAD requires both `weights` and `rule`, and the weight scale has 5 bits."""
    made = draft(changed(scale=(8, -256, 4), codes=(0, 1, 2, 3, 4)))
    made.head |= {"features": varint(2 | 16), "weight_scale": b"\5\0\0\1\0"}
    return Case(made, "HEAD.features")


@invalid("chunk-duplicate", "PLADA-CON-006", twin=False)
def rule_twice() -> Case:
    """A second RULE."""
    made = _file(PLAIN)
    made.chunks.append(PLAIN.chunk())
    return _case(made, PLAIN, "RULE'.type")


@invalid("chunk-order", "PLADA-CON-007", twin=False)
def rule_after_a_block() -> Case:
    """A RULE behind a block."""
    made = _file(PLAIN, {0: 1, 5: 2})
    made.after.append(made.chunks.pop())
    made.head["features"] = varint(16)
    made.head["kept"] = varint(len(made.meaning.positions))
    return _case(made, PLAIN, "RULE.type")


@invalid("chunk-order", "PLADA-CON-007", twin=False)
def metadata_after_a_rule() -> Case:
    """META behind RULE."""
    made = _file(PLAIN)
    made.chunks.append(metadata_chunk(b"{}"))
    assert made.chunks[-1].kind == META
    return _case(made, PLAIN, "META.type")


def plain_file() -> Draft:
    """Return a file with a rule and without blocks."""
    return _file(PLAIN)


def _cut(name: str, parts: dict[str, bytes], sentence: str) -> None:
    def make() -> Case:
        made = _file(PLAIN)
        chunk = made.chunk(RULE)
        kept = dict(list(chunk.parts.items())[: list(chunk.parts).index(next(iter(parts)))])
        made.chunks = [Chunk(RULE, kept | parts)]
        last = [key for key, octets in (kept | parts).items() if octets]
        return _case(made, PLAIN, f"RULE.{last[-1]}")

    make.__name__, make.__doc__ = name, sentence
    invalid("body-short", "PLADA-HEAD-001")(make)


_cut("rule_ends_in_the_codes_id", {"codes_id": bytes(7)}, "RULE ends inside the codes id.")
_cut("rule_ends_in_the_columns", {"columns": b"\x83"}, "RULE ends inside its columns.")
_cut("rule_ends_before_the_scale", {"scale": b""}, "RULE ends before top and shift.")


def _shape(name: str, sentence: str, fault: str, rule: _Rule = PLAIN, **parts: bytes) -> None:
    def make() -> Case:
        made = _file(PLAIN)
        made.chunks = [rule.chunk(**parts)]
        return _case(made, PLAIN, f"RULE.{fault}")

    make.__name__, make.__doc__ = name, sentence
    invalid("rule-shape", "PLADA-RULE-001")(make)


_shape("rule_of_no_columns", "A rule of no columns.", "columns", columns=b"\0")
_shape("rule_of_1025_columns", "A rule of 1,025 columns.", "columns", columns=varint(1025))
_shape("rule_without_a_top", "A rule whose largest weight is 0.", "scale", scale=b"\x10")


@invalid("rule-shape", "PLADA-RULE-001")
def rule_of_one_class() -> Case:
    """A rule for one class, which has no second score."""
    made = _file(PLAIN)
    made.meaning = replace(made.meaning, classes=1, labels=(0,) * len(made.meaning.labels))
    return _case(made, PLAIN, "RULE.columns")


@invalid("varint-overlong", "PLADA-INT-002")
def rule_columns_overlong() -> Case:
    """The number of columns in two bytes where one is enough."""
    return _case(_file(PLAIN, columns=b"\x83\0"), PLAIN, "RULE.columns")


@invalid("dense-corrupt", "PLADA-DNS-001")
def rule_stream_of_ones() -> Case:
    """A stream that starts with FF FF FF FF."""
    return _case(_file(PLAIN, stream=b"\xff" * 12), PLAIN, "RULE.stream")


@invalid("dense-tail", "PLADA-DNS-002")
def rule_stream_with_a_byte_more() -> Case:
    """A stream with a byte that no encoder writes behind it."""
    stream = PLAIN.chunk().parts["stream"]
    return _case(_file(PLAIN, stream=stream + b"\1"), PLAIN, "RULE.stream")


@invalid("dense-tail", "PLADA-DNS-002")
def rule_stream_with_a_zero_more() -> Case:
    """A stream with a needless last byte of zero."""
    stream = PLAIN.chunk().parts["stream"]
    return _case(_file(PLAIN, stream=stream + b"\0"), PLAIN, "RULE.stream")


@invalid("rule-range", "PLADA-RULE-002")
def rule_of_too_large_scores() -> Case:
    """A negative bias with which one score may reach -2^24."""
    return _case(_file(_largest_biases(1)), _largest_biases(1), "RULE.stream")


@invalid("rule-range", "PLADA-RULE-002")
def rule_of_a_bias_beyond_64_bits() -> Case:
    """A bias that a shift takes beyond 64 bits."""
    rule = replace(PLAIN, biases=(0, 2**50 << 15, 0), thresholds=(0, 0, 0), shift=15)
    return _case(_file(rule), rule, "RULE.stream")


@invalid("rule-range", "PLADA-RULE-002")
def rule_of_a_threshold_beyond_64_bits() -> Case:
    """A threshold that a shift takes to 2^64."""
    rule = replace(PLAIN, thresholds=(0, 2**49 << 15, 0), biases=(0, 0, 0), shift=15)
    return _case(_file(rule), rule, "RULE.stream")


@invalid("dense-tail", "PLADA-DNS-002", "PLADA-CHK-001", twin=False)
def rule_tail_before_range() -> Case:
    """A bias that is too large, and a needless zero at the end: the end comes first."""
    rule = _largest_biases(1)
    stream = rule.chunk().parts["stream"]
    return _case(_file(rule, stream=stream + b"\0"), rule, "RULE.stream")


@invalid("rule-range", "PLADA-RULE-002")
def rule_of_a_threshold_above_2_to_25() -> Case:
    """A threshold one above 2^25."""
    rule = replace(PLAIN, thresholds=(0, 0, 2**25 + 1), shift=0)
    return _case(_file(rule), rule, "RULE.stream")


@invalid("kept-total", "PLADA-HEAD-007", twin=False)
def rule_keeps_one_image_less() -> Case:
    """HEAD promises one image more than rule and block keep."""
    made = _file(PLAIN, {0: 1, 5: 2})
    made.head["kept"] = varint(len(made.meaning.positions) + 1)
    return _case(made, PLAIN, "HEAD.kept")


@invalid("content-check", "PLADA-HEAD-009", "PLADA-RULE-004", twin=False)
def rule_over_the_block() -> Case:
    """A file whose check is that of the rule's label for an image that a block names."""
    kept = PLAIN.kept()
    first = min(kept)
    made = _file(PLAIN, {first: (kept[first] + 1) % 3})
    made.meaning = _meaning(PLAIN, kept)
    return _case(made, PLAIN, "HEAD.check")


@invalid("content-check", "PLADA-RULE-004", twin=False)
def rule_that_keeps_above_the_threshold_only() -> Case:
    """A file whose check is that of an image more than a strict comparison keeps."""
    rule = _on_the_threshold(0)
    kept = rule.kept()
    made = _file(rule)
    at = min(set(kept) - set(_on_the_threshold(1).kept()))
    # As many images, so that the check alone can tell.
    made.meaning = _meaning(rule, {p: c if p != at else (c + 1) % 3 for p, c in kept.items()})
    return _case(made, rule, "HEAD.check")


Mismatched = Callable[[], Sequence[bytes] | None]


def _mismatch(name: str, sentence: str, codes: Mismatched, rule: _Rule = PLAIN) -> None:
    def make() -> Case:
        return Case(_file(rule), "RULE.codes_id", codes=codes())

    make.__name__, make.__doc__ = name, sentence
    invalid("codes-mismatch", "PLADA-RULE-003", twin=False)(make)


_mismatch("rule_without_codes", "A rule, and a reader that has no codes.", lambda: None)
_mismatch(
    "rule_with_codes_of_fewer_images",
    "Codes of 39 images, where the rule is for 40.",
    lambda: _octets(PLAIN.codes[:39]),
)
_mismatch(
    "rule_with_another_code",
    "Codes that differ in a column that the rule does not use.",
    lambda: _octets((*PLAIN.codes[:7], (*PLAIN.codes[7][:3], 99), *PLAIN.codes[8:])),
)
_mismatch(
    "rule_with_codes_in_another_order",
    "The codes of two images, exchanged.",
    lambda: _octets((PLAIN.codes[1], PLAIN.codes[0], *PLAIN.codes[2:])),
)


@invalid("codes-mismatch", "PLADA-CODE-001", "PLADA-RULE-003", twin=False)
def rule_with_the_id_of_its_columns() -> Case:
    """An id that is made of the three columns which the rule uses, and not of all four."""
    codes_id = spec.codes_id([row[:3] for row in PLAIN.codes])
    return _case(_file(PLAIN, codes_id=codes_id[:8]), PLAIN, "RULE.codes_id")


@invalid("codes-mismatch", "PLADA-CODE-001", "PLADA-RULE-003", twin=False)
def rule_with_codes_tagged_as_a_pool() -> Case:
    """An id whose leaves have the tag of a pool's."""
    codes_id = spec.pool_id(_octets(PLAIN.codes))
    return _case(_file(PLAIN, codes_id=codes_id[:8]), PLAIN, "RULE.codes_id")


@invalid("codes-mismatch", "PLADA-RULE-003", twin=False)
def rule_with_half_a_codes_id() -> Case:
    """The codes have an id that starts as RULE says for 7 bytes."""
    codes_id = PLAIN.chunk().parts["codes_id"]
    made = _file(PLAIN, codes_id=codes_id[:7] + bytes([codes_id[7] ^ 1]))
    return _case(made, PLAIN, "RULE.codes_id")


@invalid("codes-mismatch", "PLADA-RULE-003", twin=False)
def rule_of_more_columns_than_codes() -> Case:
    """The right codes, of two columns, for a rule of three."""
    rule = replace(PLAIN, codes=tuple(row[:2] for row in PLAIN.codes))
    made = _file(PLAIN)
    made.chunks = [replace(PLAIN, codes=rule.codes).chunk()]
    return _case(made, rule, "RULE.codes_id")


@invalid("max-stream", "PLADA-CHK-001", twin=False)
def rule_without_codes_and_a_wrong_max_stream() -> Case:
    """What can be told without codes comes first."""
    made = _file(PLAIN)
    made.head["max_stream"] = varint(3)
    return Case(made, "HEAD.max_stream")


@invalid("feature-unused", "PLADA-FEAT-002", "PLADA-CHK-001", twin=False)
def rule_without_codes_and_an_unused_feature() -> Case:
    """HEAD requires `zstd` as well, and there are no codes: the feature comes first."""
    made = _file(PLAIN)
    made.head["features"] = varint(1 | 16)
    return Case(made, "HEAD.features")


@invalid("codes-mismatch", "PLADA-RULE-003", "PLADA-CHK-001", twin=False)
def rule_without_codes_and_a_wrong_total() -> Case:
    """HEAD promises fewer images than the rule keeps, and there are no codes: who could tell."""
    made = _file(PLAIN)
    made.head["kept"] = varint(1)
    return Case(made, "RULE.codes_id")


@invalid("kept-total", "PLADA-HEAD-007", "PLADA-CHK-001", twin=False)
def rule_that_is_absent_and_a_wrong_total() -> Case:
    """HEAD requires `rule` and promises six images; there is no RULE, and blocks keep five."""
    made = draft()
    made.head |= {"features": varint(16), "kept": b"\6"}
    return Case(made, "HEAD.kept")


@invalid("kept-total", "PLADA-HEAD-007", "PLADA-CHK-001", twin=False)
def blocks_that_keep_too_much_beside_a_rule() -> Case:
    """A block keeps an image more than HEAD promises: that is told when the block is read."""
    made = _file(PLAIN, {0: 1, 5: 2})
    made.head |= {"kept": b"\1", "max_stream": b"\7"}
    return _case(made, PLAIN, "BLOCK 0.count")


@invalid("codes-mismatch", "PLADA-CHK-001", twin=False)
def rule_without_codes_and_bytes_after_end() -> Case:
    """The meaning comes before the end of the file."""
    made = _file(PLAIN)
    made.trailing = b"more"
    return Case(made, "RULE.codes_id")


WORK = (40 + 2**18) * 3 * 3


@limit(None, "PLADA-LIM-001")
def work_at_limit() -> Case:
    """Just the work that is allowed."""
    return _case(_file(PLAIN), PLAIN, limits={"work": WORK})


@limit("limit-work", "PLADA-LIM-001")
def work_over_limit() -> Case:
    """One more than the work that is allowed."""
    return _case(_file(PLAIN), PLAIN, "RULE.columns", limits={"work": WORK - 1})


@limit("limit-work", "PLADA-LIM-001", "PLADA-CHK-001")
def work_over_limit_before_the_stream() -> Case:
    """More work than is allowed, and a stream that starts with FF FF FF FF."""
    made = _file(PLAIN, stream=b"\xff" * 12)
    return _case(made, PLAIN, "RULE.columns", limits={"work": WORK - 1})


@limit("rule-shape", "PLADA-RULE-001", "PLADA-CHK-001")
def shape_before_work() -> Case:
    """1,025 columns, and more work than is allowed."""
    made = _file(PLAIN, columns=varint(1025))
    return _case(made, PLAIN, "RULE.columns", limits={"work": WORK})


@limit("limit-work", "PLADA-LIM-001")
def work_beyond_64_bits() -> Case:
    """2,048 classes and 2 columns over 2^52 images: the work is 2^64 + 2^30."""
    made = _file(PLAIN, columns=varint(2))
    made.meaning = replace(made.meaning, classes=2048, pool_size=2**52)
    return Case(made, "RULE.columns")


@limit("limit-work", "PLADA-LIM-001")
def work_of_a_hostile_rule() -> Case:
    """65,536 classes and 1,024 columns over 2^40 images, in a hundred bytes and without codes."""
    made = _file(PLAIN, columns=varint(1024))
    made.meaning = replace(made.meaning, classes=65_536, pool_size=2**40)
    return Case(made, "RULE.columns")


# Rewriting and salvage.


@valid("PLADA-RULE-004", "PLADA-FEAT-002", "PLADA-FEAT-001")
def rule_behind_a_compressed_class_map() -> Case:
    """A rule, no block, and names in a frame: the feature of Zstd is used, in front of the rule."""
    rule = PLAIN
    names = tuple(b"class %d" % number for number in range(len(rule.weights)))
    made = _file(rule)
    made.meaning = changed(made.meaning, names=names)
    made.chunks.insert(0, names_chunk(frames.stored(class_map(made.meaning)), 1))
    return _case(made, rule)


@invalid("unknown-critical-chunk", "PLADA-CON-005", "PLADA-FEAT-001", twin=False)
def rule_that_only_zstd_is_required_for() -> Case:
    """A chunk of type 05 in a file that requires Zstd and no rule is not known."""
    made = draft()
    made.chunks = [names_chunk(frames.stored(class_map(made.meaning)), 1)]
    made.chunks.append(Chunk(RULE, {"body": b"?"}))
    return Case(made, "RULE.type")


@valid("PLADA-RWR-002", "PLADA-RULE-004", role="rewriter")
def rewrite_a_rule() -> Case:
    """A rule and a block, to be written in another way with the same meaning."""
    made = _file(PLAIN, {0: 1, 5: 2})
    more: dict[str, Any] = {"must_drop": [], "must_keep": []}
    return _case(made, PLAIN, more=more)


@invalid("codes-mismatch", "PLADA-RWR-001", role="rewriter", twin=False)
def rewrite_a_rule_without_codes() -> Case:
    """A rewriter without codes is a reader that refuses the file."""
    return Case(_file(PLAIN))


def _salvaged(data: bytes, left: Meaning, lost: int, codes: Rows | None) -> Case:
    more = {
        "verdict": "salvaged",
        "code": None,
        "error_class": None,
        "content_id": left.content_id.hex(),
        "kept": len(left.positions),
        "lost": lost,
        "head_from": None,
    }
    return Case(data, codes=None if codes is None else _octets(codes), more=more)


LISTED = {0: 1, 5: 2, 39: 0}


@invalid("salvaged", "PLADA-SAL-005", role="salvager", twin=False)
def salvage_a_rule() -> Case:
    """The block is damaged; what the rule keeps comes back, with its own labels."""
    made = _file(PLAIN, LISTED).build()
    at = made.ranges["BLOCK 0.labels"][0]
    data = made.data[:at] + bytes([made.data[at] ^ 3]) + made.data[at + 1 :]
    left = _meaning(PLAIN, PLAIN.kept())
    whole = len(PLAIN.kept() | LISTED)
    return _salvaged(data, left, whole - len(left.positions), PLAIN.codes)


@invalid("salvaged", "PLADA-SAL-006", role="salvager", twin=False)
def salvage_without_codes() -> Case:
    """No codes: the block's images come back, and the rule's are lost."""
    made = _file(PLAIN, LISTED)
    left = _meaning(PLAIN, LISTED)
    lost = len(made.meaning.positions) - len(LISTED)
    return _salvaged(made.build().data[:-1], left, lost, None)


@invalid("salvaged", "PLADA-SAL-001", role="salvager", twin=False)
def salvage_a_damaged_rule() -> Case:
    """The rule is damaged; the block comes back."""
    made = _file(PLAIN, LISTED)
    built = made.build()
    at = built.ranges["RULE.stream"][0]
    data = built.data[:at] + bytes([built.data[at] ^ 64]) + built.data[at + 1 :]
    lost = len(made.meaning.positions) - len(LISTED)
    return _salvaged(data, _meaning(PLAIN, LISTED), lost, PLAIN.codes)


@invalid("salvaged", "PLADA-SAL-005", "PLADA-SAL-002", role="salvager", twin=False)
def salvage_a_rule_and_a_block() -> Case:
    """Only END is missing: what the rule keeps and what the block names come back, all K images."""
    made = _file(PLAIN, LISTED)
    built = made.build()
    return _salvaged(built.data[: built.ranges["END.type"][0]], made.meaning, 0, PLAIN.codes)


@invalid("salvaged", "PLADA-SAL-001", "PLADA-SAL-005", role="salvager", twin=False)
def salvage_a_rule_that_keeps_too_many() -> Case:
    """HEAD promises as many images as the block has: the rule keeps more and stays out."""
    made = _file(PLAIN, LISTED)
    made.head = {"kept": varint(len(LISTED))}
    return _salvaged(made.build().data, _meaning(PLAIN, LISTED), 0, PLAIN.codes)


@invalid("salvaged", "PLADA-SAL-001", "PLADA-SAL-005", role="salvager", twin=False)
def salvage_a_rule_behind_a_block() -> Case:
    """The rule stands behind the block, where a reader refuses it: the block comes back."""
    made = _file(PLAIN, LISTED)
    built = made.build()
    start, end = built.ranges["RULE.type"][0], built.ranges["RULE.crc"][1]
    behind = built.ranges["BLOCK 0.crc"][1]
    data = built.data[:start] + built.data[end:behind] + built.data[start:end] + built.data[behind:]
    lost = len(made.meaning.positions) - len(LISTED)
    return _salvaged(data, _meaning(PLAIN, LISTED), lost, PLAIN.codes)
