"""One faulty file for each rule of the specification, with the error code that it must get."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pladafmt import (
    Limits,
    chunks,
    content_id,
    dense,
    integers,
    layout,
    loads,
    tables,
    validate,
    varint,
)
from pladafmt.limits import MAX_POSITION
from pladafmt.loops import kernels, paths
from pladafmt.tables import EXAMPLE, generate

SPEC = Path(__file__).parents[2] / "spec" / "plada-1.md"

V = varint.write
POSITIONS = tables.EXAMPLE_POSITIONS
LABELS = bytes([0, 0, 1, 1, 0])
NAMES = b"\0\x03cat\x03dog"
OVERLONG = b"\x85\x00"


def head(
    *,
    pool_size: bytes = V(1000),
    kept: int = 5,
    classes: int = 2,
    features: int = 0,
    max_stream: int = 5,
    check: bytes | None = None,
    tail: bytes = b"",
) -> bytes:
    check = content_id(EXAMPLE)[:4] if check is None else check
    return (
        bytes(range(32))
        + pool_size
        + V(kept)
        + V(classes)
        + V(features)
        + V(max_stream)
        + check
        + tail
    )


def block(
    *,
    first: int = 3,
    span: int = 299,
    count: int = 5,
    form: int = 2,
    positions: bytes = POSITIONS,
    labels: bytes = LABELS,
    size: int | None = None,
) -> bytes:
    size = len(positions) if size is None else size
    return V(first) + V(span) + V(count) + bytes([form]) + V(size) + positions + labels


def file(*parts: tuple[int, bytes], head_body: bytes | None = None, end: bytes = b"") -> bytes:
    """A file with right checksums around these chunk bodies."""
    first = chunks.write(layout.HEAD, head() if head_body is None else head_body)
    seed = int.from_bytes(first[-4:], "little")
    body = b"".join(chunks.write(kind, content, seed) for kind, content in parts)
    return layout.MAGIC + b"\x01" + first + body + chunks.write(layout.END, end, seed)


def with_names(text: bytes, form: int = 0) -> bytes:
    return file((layout.CLASSES, bytes([form]) + text), (layout.BLOCK, block()))


def with_block(body: bytes, **changes: int) -> bytes:
    return file((layout.CLASSES, NAMES), (layout.BLOCK, body), head_body=head(**changes))  # type: ignore[arg-type]


def with_metadata(text: bytes, form: int = 0) -> bytes:
    parts = (
        (layout.CLASSES, NAMES),
        (layout.METADATA, bytes([form]) + text),
        (layout.BLOCK, block()),
    )
    return file(*parts)


def frame(
    content: bytes,
    *,
    descriptor: int = 0x20,
    fields: bytes | None = None,
    magic: bytes = b"\x28\xb5\x2f\xfd",
) -> bytes:
    """A Zstd frame of one raw block; `fields` follow the descriptor."""
    fields = bytes([len(content)]) if fields is None else fields
    header = (len(content) << 3 | 1).to_bytes(3, "little")
    return magic + bytes([descriptor]) + fields + header + content


def zstd_labels(stream: bytes) -> bytes:
    return with_block(block(form=2 | 8, labels=stream), features=1)


def bitmap(octets: bytes, span: int, count: int) -> bytes:
    body = block(first=0, span=span, count=count, form=0, positions=octets, labels=bytes(count))
    return with_block(body, kept=count)


def delta(stream: bytes, span: int, count: int) -> bytes:
    body = block(first=0, span=span, count=count, form=1, positions=stream, labels=bytes(count))
    pool_size = V(max(span, 1000))
    largest = max(len(stream), count)
    first = head(kept=count, max_stream=largest, pool_size=pool_size)
    return file((layout.CLASSES, NAMES), (layout.BLOCK, body), head_body=first)


def split(*values: int) -> bytes:
    return b"".join(integers.encode(np.array(values)))


def wrapping(total: int) -> bytes:
    """2,049 integers whose sum is 2^64 too large for distances over a span of `total`."""
    return split(*[MAX_POSITION] * 2048, total + 2047)


def wrapping_runs() -> bytes:
    """2,049 run lengths whose sum is 2^64 more than the span."""
    span = 2**52 + 5
    stream = V(1025) + split(*[MAX_POSITION] * 2048, span + 2048)
    body = block(first=0, span=span, count=2000, positions=stream, labels=bytes(2000))
    first = head(kept=2000, max_stream=len(stream), pool_size=V(span))
    return file((layout.CLASSES, NAMES), (layout.BLOCK, body), head_body=first)


def runs(*lengths: int) -> bytes:
    stream = V((len(lengths) + 1) // 2) + split(*lengths)
    return with_block(block(positions=stream), max_stream=max(len(stream), 5))


def one_class(form: int) -> bytes:
    return file((layout.BLOCK, block(form=form, labels=b"")), head_body=head(classes=1, features=5))


def dense_example() -> bytes:
    stream = dense.encode_distances(np.array([1, 1, 295, 1]), 100)
    assert stream is not None
    return stream


def dense_impossible(direct: int) -> bytes:
    """Distances of class 15, the last of which has this value in its 6 direct bits.

    64 is out of range. The coder has room for it only once probabilities have become odd numbers.
    """
    before = 30
    state, out = [0, 0, 0], bytearray(500)
    chance, age = paths.PLAIN.models(kernels.DISTANCE_MODELS)
    kernels.put_distances([2**15] * before, [15] * before, state, chance, age, out)
    average = kernels.FIRST_AVERAGE
    for _ in range(before):
        average += (16 * 15 - average) >> 2
    for node in (1, 3, 7, 15):
        kernels.put_bit(state, out, chance, age, (average >> 3) * 16 + node, 1)
    kernels.put_direct(state, out, direct, 6)
    stream = bytes(out[: state[2]]) + state[0].to_bytes(4, "big")
    count = before + 2
    body = block(first=0, span=2**20, count=count, form=3, positions=stream, labels=bytes(count))
    first = head(kept=count, features=4, max_stream=len(stream), pool_size=V(2**20))
    return file((layout.CLASSES, NAMES), (layout.BLOCK, body), head_body=first)


def dense_block(positions: bytes, features: int = 4) -> bytes:
    largest = max(5, len(positions))
    return with_block(block(form=3, positions=positions), features=features, max_stream=largest)


def dense_labels(values: list[int], classes: int) -> bytes:
    stream = dense.encode_labels(
        np.array(values, np.uint16), np.zeros(5, np.int64), classes, 1, 100
    )
    assert stream is not None
    return file(
        (layout.BLOCK, block(form=0x22, labels=stream)), head_body=head(classes=classes, features=4)
    )


def weighted(scale: bytes, codes: bytes, **changes: int) -> bytes:
    body = V(3) + V(299) + V(5) + b"\x02" + V(len(POSITIONS)) + V(5) + POSITIONS + LABELS + codes
    return file(
        (layout.CLASSES, NAMES), (layout.BLOCK, body), head_body=head(features=2, tail=scale)
    )


GOOD = with_block(block())
FOUR_BITS = bytes([4, 0, 0, 1, 0])


def damaged_crc() -> bytes:
    data = bytearray(GOOD)
    data[80] ^= 1
    return bytes(data)


def foreign_block() -> bytes:
    other = file((layout.CLASSES, NAMES), (layout.BLOCK, block()), head_body=head(pool_size=V(999)))
    return GOOD[:72] + other[72:94] + GOOD[94:]


RULES: dict[str, list[tuple[str, str, Callable[[], bytes]]]] = {
    "PLADA-INT-001": [
        (
            "varint-overflow",
            "malformed",
            lambda: file(head_body=head(pool_size=b"\xff" * 7 + b"\x1f")),
        ),
        (
            "varint-overflow",
            "malformed",
            lambda: with_block(block(positions=b"\xff" * 8), max_stream=8),
        ),
    ],
    "PLADA-INT-002": [
        ("varint-overlong", "noncanonical", lambda: file(head_body=head(pool_size=OVERLONG))),
        (
            "varint-overlong",
            "noncanonical",
            lambda: with_block(block(positions=OVERLONG + bytes(3))),
        ),
        ("varint-overlong", "noncanonical", lambda: GOOD[:58] + b"\x89\0" + GOOD[59:]),
    ],
    "PLADA-CON-001": [("bad-magic", "malformed", lambda: b"\x88" + GOOD[1:])],
    "PLADA-CON-002": [("unknown-version", "unsupported", lambda: GOOD[:8] + b"\x02" + GOOD[9:])],
    "PLADA-CON-003": [
        ("chunk-type", "malformed", lambda: file((0x21, b""))),
        ("chunk-type", "malformed", lambda: file((0x41, b""))),
        ("chunk-type", "malformed", lambda: file((0x80, b""))),
    ],
    "PLADA-CON-004": [("head-missing", "malformed", lambda: GOOD[:9] + GOOD[57:])],
    "PLADA-CON-005": [("unknown-critical-chunk", "unsupported", lambda: file((0x1F, b"")))],
    "PLADA-CON-006": [
        ("chunk-duplicate", "malformed", lambda: GOOD[:57] + GOOD[9:57] + GOOD[57:]),
        ("chunk-duplicate", "malformed", lambda: GOOD[:72] + GOOD[57:72] + GOOD[72:]),
        ("chunk-duplicate", "malformed", lambda: file((0x85, b""), (0x85, b""))),
    ],
    "PLADA-CON-007": [
        (
            "chunk-order",
            "noncanonical",
            lambda: file((layout.BLOCK, block()), (layout.CLASSES, NAMES)),
        ),
        (
            "chunk-order",
            "noncanonical",
            lambda: file((layout.METADATA, b"\0{}"), (layout.CLASSES, NAMES)),
        ),
    ],
    "PLADA-CON-008": [
        ("truncated", "malformed", lambda: GOOD[:94]),
        ("truncated", "malformed", lambda: GOOD[:-1]),
    ],
    "PLADA-CON-009": [("trailing-bytes", "malformed", lambda: GOOD + GOOD)],
    "PLADA-CON-010": [
        (
            "body-long",
            "malformed",
            lambda: file((layout.CLASSES, NAMES), (layout.BLOCK, block()), end=b"\0"),
        )
    ],
    "PLADA-CON-012": [
        ("crc-mismatch", "corrupt", damaged_crc),
        ("crc-mismatch", "corrupt", foreign_block),
        (
            # A block with the CRC of an ancillary chunk, as one planted in metadata would have.
            "crc-mismatch",
            "corrupt",
            lambda: GOOD[:72] + chunks.write(layout.BLOCK, block(), 0) + GOOD[94:],
        ),
    ],
    "PLADA-HEAD-001": [
        ("body-short", "malformed", lambda: file(head_body=head()[:-1])),
        ("body-short", "malformed", lambda: file((layout.CLASSES, b""))),
        ("body-short", "malformed", lambda: file((layout.BLOCK, V(3) + b"\x80"))),
    ],
    "PLADA-HEAD-002": [("body-long", "malformed", lambda: file(head_body=head(tail=b"\0")))],
    "PLADA-HEAD-003": [("kept-over-pool", "malformed", lambda: file(head_body=head(kept=1001)))],
    "PLADA-HEAD-004": [
        ("class-count", "malformed", lambda: file(head_body=head(classes=0))),
        ("class-count", "malformed", lambda: file(head_body=head(classes=65_537))),
    ],
    "PLADA-HEAD-005": [
        ("unknown-feature", "unsupported", lambda: file(head_body=head(features=8)))
    ],
    "PLADA-HEAD-006": [
        ("weight-scale", "malformed", lambda: weighted(bytes([5, 0, 0, 1, 0]), bytes(5))),
        ("weight-scale", "malformed", lambda: weighted(bytes([8, 0, 0, 0, 0]), bytes(5))),
        ("weight-scale", "malformed", lambda: weighted(bytes([8, 0, 0, 0, 8]), bytes(5))),
    ],
    "PLADA-HEAD-007": [
        ("kept-total", "malformed", lambda: with_block(block(), kept=6)),
        ("kept-total", "malformed", lambda: with_block(block(), kept=4)),
    ],
    "PLADA-HEAD-008": [("max-stream", "noncanonical", lambda: with_block(block(), max_stream=6))],
    "PLADA-HEAD-009": [
        ("content-check", "corrupt", lambda: file((layout.BLOCK, block()))),
        ("content-check", "corrupt", lambda: with_block(block(labels=bytes(5)))),
    ],
    "PLADA-FEAT-001": [
        (
            "feature-undeclared",
            "malformed",
            lambda: with_block(block(form=10, labels=frame(LABELS))),
        ),
        ("feature-undeclared", "malformed", lambda: with_names(frame(NAMES[1:]), 1)),
        ("feature-undeclared", "malformed", lambda: dense_block(dense_example(), features=0)),
        ("feature-undeclared", "malformed", lambda: with_block(block(form=0x22), features=1)),
    ],
    "PLADA-FEAT-002": [("feature-unused", "noncanonical", lambda: with_block(block(), features=1))],
    "PLADA-TXT-001": [
        ("text-form", "malformed", lambda: with_names(NAMES[1:], 4)),
        ("text-form", "malformed", lambda: with_metadata(b"{}", 2)),
    ],
    "PLADA-TXT-002": [
        ("class-map-size", "malformed", lambda: with_names(b"\x03cat")),
        ("class-map-size", "malformed", lambda: with_names(b"\x03cat\x03dog\0")),
        ("class-map-size", "malformed", lambda: with_names(b"\x03cat\x04dog")),
        ("class-map-size", "malformed", lambda: with_names(NAMES[1:], 2)),
    ],
    "PLADA-TXT-003": [
        ("name-not-utf8", "malformed", lambda: with_names(b"\x03c\xffa\x03dog")),
        ("name-not-utf8", "malformed", lambda: with_names(b"\x03\xed\xa0\x80\x03dog")),
    ],
    "PLADA-TXT-004": [("name-empty", "malformed", lambda: with_names(b"\0\x03dog"))],
    "PLADA-TXT-005": [
        (
            "name-forbidden-character",
            "malformed",
            partial(with_names, bytes([len(c)]) + c + b"\x03dog"),
        )
        for c in (
            b"a\n",
            b"\x1b[2J",
            b"\x7f",
            "\u202e".encode(),
            "\u2066".encode(),
            "\ufeff".encode(),
        )
    ],
    "PLADA-TXT-006": [
        ("name-duplicate", "malformed", lambda: with_names(b"\x03cat\x03cat")),
        ("name-duplicate", "malformed", lambda: with_names(NAMES[1:] + b"\x01x\x01x", 2)),
    ],
    "PLADA-TXT-008": [
        ("metadata-json", "malformed", partial(with_metadata, t))
        for t in (
            b"[]",
            b"",
            b"{",
            b'{"a":1,"a":2}',
            b'{"a":NaN}',
            b'{"a":1e999}',
            b'{"a":9007199254740992}',
            b'{"a":"\xff"}',
            b'{"a":"\\ud800"}',
            b'{"a":' * 17 + b"1" + b"}" * 17,
            b'{"a":' + b"9" * 5000 + b"}",
        )
    ],
    "PLADA-STR-001": [
        ("empty-compressed", "noncanonical", lambda: zstd_labels(frame(b""))),
        ("empty-compressed", "noncanonical", lambda: with_metadata(frame(b""), 1)),
    ],
    "PLADA-STR-002": [
        ("stream-over-declared", "malformed", lambda: with_block(block(), max_stream=4))
    ],
    "PLADA-STR-003": [
        (
            "stream-size",
            "malformed",
            lambda: with_block(block(labels=LABELS + b"\0"), max_stream=6),
        ),
        ("stream-size", "malformed", lambda: with_block(block(labels=LABELS[:4]))),
        ("stream-size", "malformed", lambda: with_block(block(positions=b""))),
        ("stream-size", "malformed", lambda: zstd_labels(frame(LABELS[:4]))),
        ("stream-size", "malformed", lambda: bitmap(b"\x81\x01", 8, 2)),
    ],
    "PLADA-ZST-001": [
        ("zstd-frame", "malformed", lambda: zstd_labels(b"")),
        ("zstd-frame", "malformed", lambda: zstd_labels(LABELS)),
        ("zstd-frame", "malformed", lambda: zstd_labels(frame(LABELS)[:-1])),
        ("zstd-frame", "malformed", lambda: zstd_labels(frame(LABELS, descriptor=0x28))),
        ("zstd-frame", "malformed", lambda: zstd_labels(frame(LABELS, descriptor=0x24))),
    ],
    "PLADA-ZST-002": [
        (
            "zstd-skippable",
            "malformed",
            lambda: zstd_labels(b"\x50\x2a\x4d\x18\x01\0\0\0x" + frame(LABELS)),
        )
    ],
    "PLADA-ZST-003": [
        (
            "zstd-dictionary",
            "malformed",
            lambda: zstd_labels(frame(LABELS, descriptor=0x21, fields=b"\0\x05")),
        )
    ],
    "PLADA-ZST-004": [
        (
            "zstd-no-size",
            "malformed",
            lambda: zstd_labels(frame(LABELS, descriptor=0x00, fields=b"\x00")),
        )
    ],
    "PLADA-ZST-005": [
        (
            "zstd-window",
            "malformed",
            lambda: zstd_labels(frame(LABELS, descriptor=0x80, fields=b"\x69\x05\0\0\0")),
        ),
        (
            "zstd-window",
            "malformed",
            lambda: zstd_labels(
                frame(LABELS, descriptor=0xA0, fields=(2**23 + 1).to_bytes(4, "little"))
            ),
        ),
    ],
    "PLADA-ZST-006": [
        ("zstd-trailing", "malformed", lambda: zstd_labels(frame(LABELS) + b"\0")),
        ("zstd-trailing", "malformed", lambda: zstd_labels(frame(LABELS) + frame(LABELS))),
    ],
    "PLADA-ZST-007": [
        ("zstd-corrupt", "malformed", lambda: zstd_labels(frame(LABELS + b"\0", fields=b"\x05"))),
        ("zstd-corrupt", "malformed", lambda: zstd_labels(frame(LABELS[:4], fields=b"\x05"))),
    ],
    "PLADA-BLK-001": [
        ("block-empty", "malformed", lambda: with_block(block(span=0))),
        ("block-empty", "malformed", lambda: with_block(block(count=0))),
    ],
    "PLADA-BLK-002": [("block-outside-pool", "malformed", lambda: with_block(block(first=702)))],
    "PLADA-BLK-003": [
        ("block-count", "malformed", lambda: with_block(block(span=4))),
        ("block-count", "malformed", lambda: with_block(block(count=1))),
    ],
    "PLADA-BLK-004": [
        *(
            ("block-form", "malformed", partial(with_block, block(form=f)))
            for f in (0x12, 0x07, 0x2A)
        ),
        *(("block-form", "malformed", partial(one_class, form)) for form in (0x22, 0x0A)),
    ],
    "PLADA-BLK-005": [
        (
            "bitmap-span",
            "malformed",
            lambda: file(
                (layout.BLOCK, block(first=0, span=2**28 + 1, form=0)),
                head_body=head(pool_size=V(2**30)),
            ),
        )
    ],
    "PLADA-BLK-006": [("block-streams", "malformed", lambda: with_block(block(size=11)))],
    "PLADA-BLK-007": [
        (
            "block-order",
            "malformed",
            lambda: file(
                (layout.BLOCK, block()), (layout.BLOCK, block(first=301)), head_body=head(kept=10)
            ),
        )
    ],
    "PLADA-IDX-001": [("padding-bits", "noncanonical", lambda: bitmap(b"\x11\x05", 9, 3))],
    "PLADA-IDX-002": [
        ("position-count", "malformed", lambda: bitmap(b"\x91", 8, 4)),
        ("position-count", "malformed", lambda: runs(2, 2, 295)),
    ],
    "PLADA-IDX-003": [
        ("block-not-tight", "noncanonical", lambda: bitmap(b"\x92", 8, 3)),
        ("block-not-tight", "noncanonical", lambda: bitmap(b"\x49", 8, 3)),
    ],
    "PLADA-IDX-004": [
        ("distance-total", "malformed", lambda: delta(b"\x00\x00", 6, 5)),
        ("distance-total", "malformed", lambda: delta(split(*[MAX_POSITION] * 4), 2**52 + 5, 5)),
        # The sum is right modulo 2^64.
        ("distance-total", "malformed", lambda: delta(wrapping(2**52 + 5), 2**52 + 5, 2050)),
    ],
    "PLADA-IDX-005": [
        ("run-count", "malformed", lambda: with_block(block(positions=b"\0" + POSITIONS[1:]))),
        ("run-count", "malformed", lambda: with_block(block(positions=b"\x06" + POSITIONS[1:]))),
    ],
    "PLADA-IDX-006": [
        ("run-total", "malformed", lambda: runs(3, 2, 295)),
        ("run-total", "malformed", lambda: runs(3, 2, MAX_POSITION)),
        ("run-total", "malformed", wrapping_runs),
    ],
    "PLADA-SPL-001": [
        ("integer-width", "malformed", lambda: delta(b"\xff\0" + b"\x0e\x0e" + bytes(4), 2**20, 5)),
        ("integer-width", "malformed", lambda: delta(b"\xff\0" + b"\x35\x0f" + bytes(9), 2**52, 5)),
    ],
    "PLADA-SPL-002": [
        ("integer-size", "malformed", lambda: delta(b"\x11\x11" + b"\0\0", 9, 5)),
        ("integer-size", "malformed", lambda: delta(b"\x11\x11", 9, 5)),
        ("integer-size", "malformed", lambda: delta(b"\xff\xff\x0f\x0f\x0f", 2**20, 5)),
        ("integer-size", "malformed", lambda: with_block(block(positions=b"\x02\x01"))),
    ],
    "PLADA-SPL-003": [
        ("padding-bits", "noncanonical", lambda: delta(b"\x00\x10", 4, 4)),
        ("padding-bits", "noncanonical", lambda: delta(b"\x11\x00\x04", 7, 5)),
    ],
    "PLADA-DNS-001": [
        ("dense-corrupt", "malformed", lambda: dense_impossible(64)),
        ("dense-corrupt", "malformed", lambda: dense_impossible(38)),
        ("dense-corrupt", "malformed", lambda: dense_labels([3, 3, 3, 3, 3], classes=3)),
        ("dense-corrupt", "malformed", lambda: dense_labels([0, 1, 1, 0, 3], classes=3)),
    ],
    "PLADA-DNS-002": [
        ("dense-tail", "noncanonical", lambda: dense_block(dense_example() + b"\0")),
        ("dense-tail", "noncanonical", lambda: dense_block(dense_example() + b"\1" * 9)),
        ("dense-tail", "noncanonical", lambda: dense_block(dense_example() + b"\1")),
    ],
    "PLADA-LAB-001": [
        ("label-range", "malformed", lambda: with_block(block(labels=b"\0\0\1\2\0")))
    ],
    "PLADA-LAB-002": [
        ("padding-bits", "noncanonical", lambda: weighted(FOUR_BITS, b"\x11\x11\x11"))
    ],
}

CASES = [
    pytest.param(code, error_class, make, id=f"{rule}-{number}")
    for rule, cases in RULES.items()
    for number, (code, error_class, make) in enumerate(cases)
]

ELSEWHERE = {
    "PLADA-CON-011": "test_unknown_ancillary_chunks_are_passed_over",
    "PLADA-TXT-007": "test_writers_refuse_names_that_are_not_nfc",
    "PLADA-CHK-001": "every case here has one expected code, and test_the_first_fault_is_reported",
    "PLADA-LIM-001": "test_hostile.test_bombs_are_refused_before_they_are_unpacked",
    "PLADA-LIM-002": "test_round_trip.test_round_trip",
    "PLADA-POOL-001": "pool/test_merkle.test_the_specification_s_example",
    "PLADA-POOL-002": "pool/test_local_pool.test_which_payloads_a_pool_serves",
    "PLADA-POOL-003": "pool/test_local_pool.test_which_payloads_a_pool_serves",
    "PLADA-POOL-004": "pool/test_local_pool.test_a_changed_byte_is_found_at_load",
    "PLADA-POOL-005": "pool/test_manifest.test_damaged_manifests",
    "PLADA-POOL-006": "pool/test_manifest.test_damaged_manifests",
    "PLADA-POOL-007": "pool/test_manifest.test_damaged_manifests",
    "PLADA-POOL-008": "pool/test_sources.test_hostile_members_are_skipped_and_counted",
    "PLADA-POOL-009": "pool/test_manifest.test_an_edited_digest_is_found",
    "PLADA-POOL-010": "pool/test_sources.test_a_shard_cut_anywhere_is_refused",
}
"""Rules that hold for programs rather than for one faulty file, and what tests them."""


@pytest.mark.parametrize(("code", "error_class", "make"), CASES)
def test_rule(code: str, error_class: str, make: Callable[[], bytes]) -> None:
    report = validate(make())
    assert (report.code, report.verdict) == (code, error_class), report.problem


def test_the_worked_example() -> None:
    text = SPEC.read_text("utf-8")
    example = text.split("<!-- begin: example -->")[1].split("<!-- end -->")[0]
    rows = re.findall(r"^(?: *\d+  |     )((?:[0-9a-f]{2} ?)+)", example, re.MULTILINE)
    data = bytes.fromhex("".join(rows))
    assert loads(data) == EXAMPLE
    assert data == GOOD


def test_generated_parts_are_current() -> None:
    text = SPEC.read_text("utf-8")
    assert generate(text) == text, "run: python -m pladafmt.tables spec/plada-1.md"


def test_every_must_has_an_id_and_every_id_a_test() -> None:
    text = SPEC.read_text("utf-8").split("## 1. Words")[1]
    for paragraph in re.split(r"\n\n|\n- ", text):
        musts = len(re.findall(r"\bMUST\b", paragraph))
        ids = len(re.findall(r"\[PLADA-\w+-\d+\]", paragraph))
        # One id may cover "MUST ..., and MUST NOT ..." of one sentence.
        assert bool(musts) == bool(ids) and ids <= musts, paragraph
    ids_in_text = re.findall(r"\[(PLADA-\w+-\d+)\]", text)
    assert len(ids_in_text) == len(set(ids_in_text))
    assert set(ids_in_text) == set(RULES) | set(ELSEWHERE)
    for where in set(ELSEWHERE.values()):
        file_name, _, function = where.rpartition(".")
        if not re.fullmatch(r"test_\w+", function or where):
            continue
        path = Path(__file__).parents[1] / (
            file_name if "/" in file_name else f"format/{file_name or 'test_rules'}"
        )
        assert f"def {function}(" in path.with_suffix(".py").read_text("utf-8"), where


def test_spec_and_code_know_the_same_error_codes() -> None:
    text = SPEC.read_text("utf-8")
    order = text.split("## 11.")[1].split("## 12.")[0]
    in_order = set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)+|truncated)`", order)) | {"pool-mismatch"}
    by_rule = dict(re.findall(r"\[(PLADA-\w+-\d+)\] `([a-z0-9-]+)`", text))
    by_rule.pop("PLADA-POOL-002")
    for rule, cases in RULES.items():
        assert {code for code, _, _ in cases} == {by_rule[rule]}, rule
    assert set(by_rule.values()) <= in_order
    tested = {code for cases in RULES.values() for code, _, _ in cases}
    limits = {f"limit-{name}" for name in ("kept", "stream", "blocks", "class-map", "metadata")}
    assert in_order - tested == limits | {"pool-mismatch"}, "tested elsewhere: see round trip, pool"


def test_unknown_ancillary_chunks_are_passed_over() -> None:
    base = [(layout.CLASSES, NAMES), (layout.BLOCK, block())]
    for kind in (0x85, 0xDF):
        for at in range(3):
            parts = [*base[:at], (kind, b"anything"), *base[at:]]
            assert loads(file(*parts)) == EXAMPLE
            damaged = file(*parts).replace(b"anything", b"Anything")
            assert validate(damaged).code == "crc-mismatch"


def test_writers_refuse_names_that_are_not_nfc() -> None:
    from pladafmt import Payload, PladaError, PoolRef, dumps

    decomposed = Payload(PoolRef(bytes(32), 10), ["cafe\u0301"], [1], [0])
    with pytest.raises(PladaError, match="normalize"):
        dumps(decomposed)
    foreign = file(
        (layout.CLASSES, b"\0\x06cafe\xcc\x81\x03dog"),
        (layout.BLOCK, block()),
        head_body=head(check=bytes.fromhex("00000000")),
    )
    assert validate(foreign).code == "content-check", "readers accept such names"


def test_dense_streams_without_a_fault_are_read() -> None:
    assert loads(dense_block(dense_example())) == EXAMPLE


def test_the_first_fault_is_reported() -> None:
    both = file((layout.CLASSES, b"\0\x03cat\x03cat"), (layout.BLOCK, block(labels=b"\0\0\1\2\0")))
    assert validate(both).code == "name-duplicate"
    assert validate(both + b"x").code == "name-duplicate"
    tail_and_total = with_block(block(), kept=6) + b"x"
    assert validate(tail_and_total).code == "kept-total"
    assert validate(with_block(block(labels=b"\0\0\1\2\0"), kept=6)).code == "label-range"
    assert validate(GOOD, limits=Limits(kept=4, stream=1)).code == "limit-kept"
