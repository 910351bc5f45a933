"""Whatever the bytes, reading gives a payload or a `PladaError`, within bounded memory."""

from __future__ import annotations

import cProfile
import tracemalloc

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pladafmt import (
    Limits,
    Payload,
    PladaError,
    PoolRef,
    chunks,
    dumps,
    head,
    layout,
    loads,
    validate,
)
from pladafmt.head import Head
from pladafmt.testing import ENCODINGS, damaged, damaged_files, payloads, valid_files
from pladafmt.writer import Encoding

SMALL = Limits(kept=4096, stream=16_384, blocks=64, class_map=4096, metadata=4096)


def read_or_refuse(data: bytes) -> None:
    """Read `data` both ways; anything but a payload or a PladaError fails the test."""
    report = validate(data)
    assert sum(part.size for part in report.parts) == len(data)
    try:
        payload = loads(data)
    except PladaError as error:
        assert (report.verdict, report.code) == (error.error_class, error.code)
        assert error.problem.endswith(".") and str(error)
        assert error.offset is not None and 0 <= error.offset <= len(data)
    else:
        assert report.ok
        assert loads(dumps(payload)) == payload


@given(st.binary(max_size=200), st.integers(0, 9))
def test_any_bytes(data: bytes, prefix: int) -> None:
    read_or_refuse((layout.MAGIC + b"\x01")[:prefix] + data)


@given(damaged_files())
def test_damaged_files(data: bytes) -> None:
    read_or_refuse(data)


def test_a_small_block_costs_few_calls() -> None:
    """Calls stand for time, which a test cannot measure on a busy machine: 65 are 15 us."""

    def calls(blocks: int) -> int:
        labels = np.zeros(blocks, dtype=np.uint16)
        positions = 2 * np.arange(blocks)
        payload = Payload(PoolRef(bytes(32), 2 * blocks), 2, positions, labels)
        data = dumps(payload, block_span=1)
        profile = cProfile.Profile()
        profile.runcall(loads, data)
        return sum(entry.callcount for entry in profile.getstats())

    assert (calls(300) - calls(100)) / 200 < 90


@given(valid_files())
def test_valid_files(data: bytes) -> None:
    assert validate(data).ok
    read_or_refuse(data)


def test_every_truncation_is_refused() -> None:
    payload = Payload(
        PoolRef(bytes(32), 500),
        ["a", "b"],
        range(0, 400, 3),
        [i % 2 for i in range(134)],
        metadata={"k": "v"},
        weights=[1.0 + i for i in range(134)],
    )
    whole = dumps(payload, block_span=100)
    for end in range(len(whole)):
        report = validate(whole[:end])
        assert report.code == "truncated", (end, report)
    assert validate(whole + b"\0").code == "trailing-bytes"


def test_every_changed_byte_is_noticed() -> None:
    payload = Payload(PoolRef(bytes(32), 500), ["a", "b"], range(9, 40), [0, 1] * 15 + [1])
    whole = dumps(payload)
    for at in range(len(whole)):
        for flip in (1, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[at] ^= flip
            assert not validate(bytes(changed)).ok, at


def bomb(**claims: int) -> bytes:
    """A file under 1 KB whose HEAD and block claim far more than they hold."""
    frame = zstandard.ZstdCompressor(level=19).compress(bytes(claims["inflated"]))
    first = Head(
        PoolRef(bytes(32), 2**50),
        claims["kept"],
        10,
        layout.FEATURE_ZSTD,
        claims["max_stream"],
        bytes(4),
        None,
    )
    head_chunk = chunks.write(layout.HEAD, head.write(first))
    body = layout.build(
        layout.BLOCK_BODY,
        {"weights": False},
        first=0,
        span=claims["span"],
        count=claims["kept"],
        form=claims["encoding"] | layout.FORM_POSITIONS_ZSTD,
        positions_size=len(frame),
        labels_size=0,
    )
    seed = int.from_bytes(head_chunk[-4:], "little")
    data = layout.MAGIC + b"\x01" + head_chunk
    return data + chunks.write(layout.BLOCK, body + frame, seed)


@pytest.mark.parametrize("encoding", [0, 1, 2])
@pytest.mark.parametrize(
    ("kept", "span", "max_stream", "inflated"),
    [
        (2**24, 2**28, 2**25, 2**25),
        (2**24, 2**28, 2**26, 2**22),
        (2**25, 2**28, 2**26, 1000),
        (4, 2**28, 2**40, 1000),
        (2, 2**49, 1, 2**22),
        (2**24, 2**24, 2**24, 2**20),
    ],
)
def test_bombs_are_refused_before_they_are_unpacked(
    encoding: int, kept: int, span: int, max_stream: int, inflated: int
) -> None:
    data = bomb(kept=kept, span=span, max_stream=max_stream, inflated=inflated, encoding=encoding)
    assert len(data) < 4096
    tracemalloc.start()
    try:
        report = validate(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not report.ok
    # Within the limits a file may claim 64 MiB per stream; beyond its own claims it gets nothing.
    assert peak < 8 * min(max_stream, inflated, SMALL.stream * 4096) + 2**20


@given(st.data(), payloads(max_size=5000), st.sampled_from(ENCODINGS))
def test_memory_follows_the_limits(
    data: st.DataObject, payload: Payload, encoding: Encoding
) -> None:
    try:
        bad = data.draw(damaged(dumps(payload, encoding=encoding, limits=SMALL)))
    except PladaError:
        return
    tracemalloc.start()
    try:
        validate(bad, limits=SMALL)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * SMALL.kept + 8 * SMALL.stream + 32 * len(bad) + 2**18


def test_quadratic_work_is_not_to_be_had() -> None:
    import time

    from pladafmt import metadata

    started = time.perf_counter()
    for text in (b'"\\' * 32_000, b"[" * 64_000, b'{"a":' * 12_000, b"9" * 64_000, b'"' * 64_000):
        assert metadata.complaint(text) is not None
    # Linear work on 64 KiB takes milliseconds; quadratic work would take minutes.
    assert time.perf_counter() - started < 5


@pytest.mark.slow
def test_many_tiny_blocks_stay_linear() -> None:
    positions = np.arange(0, 40_000, 2)
    payload = Payload(PoolRef(bytes(32), 40_000), 2, positions, positions % 2)
    assert loads(dumps(payload, block_span=2, encoding="delta")) == payload
