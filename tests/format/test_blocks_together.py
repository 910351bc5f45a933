"""Small blocks that are decoded at once mean what each of them means alone, whatever the bytes."""

from __future__ import annotations

import io
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pladafmt import (
    Limits,
    Payload,
    PladaError,
    PoolRef,
    chunk_reader,
    dumps,
    layout,
    loads,
    validate,
    varint,
    writer,
)
from pladafmt.blocks import encodings, integers, together
from pladafmt.blocks.columns import Columns
from pladafmt.blocks.read import Block
from pladafmt.chunk_reader import ChunkReader
from pladafmt.head import Head
from pladafmt.ledger import Ledger
from pladafmt.loops import backend
from pladafmt.loops.backend import Backend
from pladafmt.reader import Reader
from pladafmt.stored import StoredBytes
from pladafmt.testing import ENCODINGS, damaged, payloads, repair
from pladafmt.weights import WeightScale
from pladafmt.writer import Encoding
from pladafmt.zstd import compress

COUNT = 620
"""Hostile files. A few thousand were compared once."""


def outcome(
    data: bytes | StoredBytes, *, alone: bool, numba: Backend | None = None
) -> tuple[object, ...]:
    """What reading finds, and what it has found when it stops at an error."""
    reader = Reader(data, Limits(), ledger=Ledger())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "loaded", lambda: numba)
        if alone:
            patch.setattr(ChunkReader, "read_small_blocks", lambda self, data, offset: offset)
        else:
            # So that few blocks and few images do.
            patch.setattr(chunk_reader, "FEWEST", 1)
            patch.setattr(chunk_reader, "IMAGES", 50)
        try:
            said: object = reader.read()
        except PladaError as error:
            said = (type(error), error.code, error.problem, error.offset, error.field)
    parts = list(reader.ledger.parts(len(data)))
    found = reader.contents
    if found is None:
        return said, parts
    columns = [
        [(part.dtype, value) for part in parts if part is not None for value in part.tolist()]
        for parts in (
            [each.positions for each in found.blocks],
            [each.labels for each in found.blocks],
            [each.codes for each in found.blocks],
        )
    ]
    hashed = found.label_hash.digest()
    return (
        *(said, parts, columns, found.ends, found.kept, found.dense, found.used, found.largest),
        hashed,
    )


def same(data: bytes) -> object:
    """Check that all ways say the same, and return what `Reader.read` returned or was refused."""
    found = outcome(data, alone=False)
    assert found == outcome(data, alone=True)
    stored = StoredBytes(io.BytesIO(data), len(data))
    assert found == outcome(stored, alone=False, numba=backend.compiled())
    return found[0]


@given(payloads(), st.sampled_from(ENCODINGS), st.integers(1, 2**40), st.booleans(), st.data())
def test_good_and_damaged_files(
    payload: Payload, encoding: Encoding, span: int, dense: bool, data: st.DataObject
) -> None:
    try:
        whole = dumps(payload, encoding=encoding, block_span=span, dense=dense)
    except PladaError:
        return  # Not every payload can be written as a bitmap.
    assert isinstance(same(whole), Payload)
    same(data.draw(damaged(whole)))


def files() -> list[bytes]:
    """Files of some dozens of blocks, of every encoding, width and kind of weights."""
    draw = np.random.default_rng(1)
    made = []
    for encoding in ENCODINGS:
        for mean, classes, bits in (
            (3, 2, None),
            (40, 300, 8),
            (900, 1, 4),
            (30_000, 7, None),
            (2**40, 70, None),
        ):
            gaps = np.where(draw.random(600) < 0.6, 1, draw.geometric(1 / mean, 600))
            kept = np.cumsum(gaps)
            labels = draw.integers(0, classes, kept.size)
            scale = None if bits is None else WeightScale(bits, -768, 256)
            weights = None if bits is None else np.exp2(draw.integers(-3, 3, kept.size))
            pool = PoolRef(bytes(32), int(kept[-1]) + 1)
            payload = Payload(pool, classes, kept, labels, weights, weight_scale=scale)
            try:
                span = max(1, pool.size // 40)
                made.append(dumps(payload, encoding=encoding, block_span=span))
            except PladaError:
                assert encoding == "bitmap" and mean > 10_000
            if encoding == "auto":
                alike = replace(payload, labels=np.sort(labels))
                made.append(dumps(alike, block_span=span, dense=True))
                assert "dense" in validate(made[-1]).facts["features"]
    return made


def test_good_blocks_are_decoded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = together.decode
    counts: list[int] = []

    def watched(blocks: Columns, head: Head) -> Block | None:
        found = decode(blocks, head)
        assert found is not None
        counts.append(len(blocks))
        return found

    monkeypatch.setattr(together, "decode", watched)
    whole = files()
    for data in whole:
        counts.clear()
        assert isinstance(same(data), Payload)
        blocks = validate(data).facts["blocks"]
        # Three readings, each of which reads the first block alone; the last has no small batches.
        assert sum(counts) == 3 * (blocks - 1)
        assert counts[-1] == blocks - 1 >= chunk_reader.FEWEST


@pytest.mark.slow
def test_hostile_streams() -> None:
    rng = random.Random(6)
    wholes = files()
    refused: set[object] = set()
    for _ in range(COUNT):
        made = bytearray(rng.choice(wholes))
        for _ in range(rng.choice((1, 1, 2))):
            at = rng.randrange(80, len(made))
            made[at] = rng.choice((made[at] ^ 1 << rng.randrange(8), 0, 255, 15, 240))
        found = same(repair(bytes(made)) if rng.random() < 0.95 else bytes(made))
        if isinstance(found, tuple):
            refused.add(found[1])
    assert refused >= {
        *("position-count", "block-not-tight", "padding-bits", "distance-total", "integer-size"),
        *("integer-width", "run-count", "run-total", "label-range", "content-check"),
        *("block-order", "kept-total", "crc-mismatch", "zstd-corrupt"),
        *("dense-corrupt", "dense-tail"),
    }


def test_an_earlier_block_counts_first() -> None:
    # Labels that do not exist in one block, and whatever else is wrong in a later one.
    labels = np.random.default_rng(0).integers(0, 200, 400)
    payload = Payload(PoolRef(bytes(32), 400), 200, range(400), labels)
    whole = dumps(payload, encoding="delta", block_span=40)
    at = whole.index(bytes(labels[120:160].tolist())) + 3
    bad = repair(whole[:at] + b"\xc9" + whole[at + 1 :])
    for worse in (bad, bad[:-1], bad[:-30], bad + b"x", bad[:-9] + b"\xff" + bad[-8:]):
        with pytest.raises(PladaError, match="Label 201 does not exist"):
            loads(worse)
        same(worse)


def rle(kept: list[int], skipped: list[int]) -> bytes:
    lengths = np.array(kept + skipped, dtype=np.int64)
    return varint.write(len(kept)) + b"".join(integers.encode(lengths))


def delta(distances: list[int]) -> bytes:
    return b"".join(integers.encode(np.array(distances, dtype=np.int64)))


WRAPPING = [2**53 - 1] * 2048 + [2**52] + [1] * 2046

STREAMS = {
    "good": ("rle", 5, 9, rle([2, 1, 2], [3, 1])),
    "no run": ("rle", 5, 9, b"\0\0"),
    "one kept too many": ("rle", 5, 9, rle([2, 2, 2], [2, 1])),
    "one kept too few": ("rle", 5, 9, rle([2, 1, 1], [4, 1])),
    "more runs than images": ("rle", 5, 200, rle([1] * 6, [1] * 5)),
    "runs beyond the stream": ("rle", 5, 9, varint.write(5) + b"\0\0"),
    "far too long": ("rle", 5, 9, rle([2**52, 2**52, 2**52], [2**52, 2**52])),
    # Sums of 2^64 and what is called for.
    "kept ones that wrap around": (
        *("rle", 4096, 2**52 + 8190),
        rle([2**52] * 4095 + [2**52 + 4096], [2**52] + [1] * 4094),
    ),
    "skipped ones that wrap around": ("rle", 4096, 2**52 + 4094, rle([1] * 4096, WRAPPING)),
    "distances that wrap around": ("delta", 4096, 2**52 - 1, delta(WRAPPING)),
    "wide ones beyond the stream": ("delta", 400, 2**40, b"\xff" * 199 + b"\x0f"),
    "a width too small": ("delta", 3, 3 * 2**14 + 1, b"\xff\x0e\x0f" + bytes(4)),
    "a bit behind the end": ("bitmap", 2, 3, b"\x0d"),
    "a bitmap that begins late": ("bitmap", 2, 3, b"\x06"),
    "two bitmaps that share": ("bitmap", 2, 3, b"\x01"),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("zstd", [False, True])
def test_streams_that_lie(name: str, after: bool, zstd: bool) -> None:
    good = [("rle", 1, 1, rle([1], [])), ("bitmap", 3, 3, b"\x07"), ("delta", 2, 9, b"\x03\0")]
    parts, first = [], 0
    for kind, count, span, stream in [*good, STREAMS[name], *(good if after else [])]:
        stored = compress([stream]) if zstd else stream
        fields = layout.build(
            layout.BLOCK_BODY,
            {"weights": False},
            first=first,
            span=span,
            count=count,
            form=encodings.NUMBERS[kind] | (layout.FORM_POSITIONS_ZSTD if zstd else 0),
            positions_size=len(stored),
            labels_size=0,
        )
        parts.append((layout.BLOCK, fields + stored))
        first += span
    images = 6 + STREAMS[name][1] + (6 if after else 0)
    claimed = Payload(PoolRef(bytes(32), first), 1, range(images), [0] * images)
    used = layout.FEATURE_ZSTD if zstd else 0
    data = writer.assemble(claimed, None, None, parts, used=used, largest=65_536)
    found = same(data)
    assert isinstance(found, tuple)
    # The payload that HEAD was made of is another one.
    assert (found[1] in ("content-check", "max-stream")) == (name == "good"), found


@pytest.mark.parametrize("blocks", [1, 100])
def test_parts_by_their_place(blocks: int) -> None:
    """As a list of all of them would give them, those of many small blocks too."""
    positions = np.arange(0, 10 * blocks, 5, dtype=np.uint64)
    payload = Payload(PoolRef(bytes(32), 10 * blocks), 2, positions, positions % 2)
    parts = validate(dumps(payload, block_span=10)).parts
    every = list(parts)
    assert [parts[place] for place in range(-len(parts), len(parts))] == every + every
    assert parts[3:-2] == tuple(every[3:-2]) and parts[::-7] == tuple(every[::-7])
    with pytest.raises(IndexError):
        parts[len(parts)]
