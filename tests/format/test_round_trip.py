"""Any valid payload survives `loads(dumps(p))`, and its meaning survives every other spelling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from pladafmt import (
    LimitExceeded,
    Limits,
    Payload,
    PladaError,
    PoolRef,
    Unwritable,
    content_id,
    dump,
    dumps,
    load,
    loads,
    threads,
    validate,
    writer,
    zstd,
)
from pladafmt.testing import ENCODINGS, payloads
from pladafmt.writer import Encoding

POOL = PoolRef(bytes(range(32)), 1000)


def without_weights(payload: Payload) -> tuple[object, ...]:
    return (
        payload.pool,
        payload.classes,
        payload.identifiers,
        payload.metadata,
        payload.positions.tolist(),
        payload.labels.tolist(),
    )


@given(payloads(), st.sampled_from(ENCODINGS), st.none() | st.integers(1, 2**40), st.booleans())
@example(Payload(PoolRef(bytes(32), 0), 1, [], []), "auto", None, True)
@example(Payload(POOL, 65_536, np.arange(1000), np.arange(1000) * 65), "rle", 100, False)
def test_round_trip(
    payload: Payload, encoding: Encoding, block_span: int | None, dense: bool
) -> None:
    try:
        data = dumps(payload, encoding=encoding, block_span=block_span, dense=dense)
    except PladaError as error:
        assert encoding == "bitmap" and error.code in ("bitmap-span", "limit-stream")
        return
    read = loads(data)
    assert without_weights(read) == without_weights(payload)
    assert read.positions.dtype == np.uint64 and read.labels.dtype == np.uint16
    assert (read.weights is None) == (payload.weights is None)
    if read.weights is not None and payload.weights is not None and payload.kept:
        assert read.weight_scale is not None
        error_in_steps = np.abs(np.log2(read.weights / payload.weights)) * 256
        assert error_in_steps.max() <= read.weight_scale.step / 2 + 1e-6
    # What was read is exact: writing it again gives equal payloads and equal bytes.
    again = dumps(read, encoding=encoding, block_span=block_span, dense=dense)
    assert loads(again) == read
    assert again == data
    report = validate(data)
    assert report.ok and report.facts["content_id"] == content_id(payload).hex()


@given(payloads(max_size=2**34), st.integers(1, 2**34), st.integers(1, 22))
def test_content_id_survives_other_spellings(payload: Payload, span: int, level: int) -> None:
    expected = content_id(payload)
    original = zstd.compress
    spellings = []
    for encoding in ENCODINGS[1:]:
        try:
            spellings.append(dumps(payload, encoding=encoding, block_span=span))
        except PladaError:
            assert encoding == "bitmap"
    try:
        zstd.compress = lambda parts: zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters.from_level(
                level, source_size=sum(map(len, parts)), window_log=20
            )
        ).compress(b"".join(parts))
        spellings.append(dumps(payload))
        spellings.append(dumps(payload, dense=True))
    finally:
        zstd.compress = original
    for data in spellings:
        assert validate(data).facts["content_id"] == expected.hex()
        assert content_id(loads(data)) == expected


def test_content_id_tells_meanings_apart() -> None:
    base = {"pool": POOL, "classes": ["a", "bc"], "positions": [1, 5], "labels": [0, 1]}
    variants: list[dict[str, object]] = [
        {},
        {"pool": PoolRef(bytes(32), 1000)},
        {"pool": PoolRef(POOL.id, 1001)},
        {"classes": ["ab", "c"]},
        {"classes": 2},
        {"positions": [1, 6]},
        {"labels": [1, 1]},
        {"weights": [1.0, 1.0]},
        {"weights": [1.0, 2.0]},
        {"identifiers": ["", "x"]},
    ]
    ids = {content_id(Payload(**{**base, **change})) for change in variants}  # type: ignore[arg-type]
    assert len(ids) == len(variants)


def test_same_input_same_bytes_and_files_are_whole(tmp_path: Path) -> None:
    payload = Payload(POOL, ["cat", "dog"], [3, 14, 159], [0, 1, 0], metadata={"b": 1, "a": 2})
    path = tmp_path / "task.plada"
    dump(payload, path)
    assert path.read_bytes() == dumps(payload)
    assert load(path) == payload
    with pytest.raises(PladaError):
        dump(payload, path, limits=Limits(kept=2))
    assert path.read_bytes() == dumps(payload), "a refused payload must leave the old file alone"
    assert [p.name for p in tmp_path.iterdir()] == ["task.plada"]


def test_a_bitmap_beyond_the_limit_is_refused_by_name() -> None:
    payload = Payload(PoolRef(bytes(32), 2**34), 10, [0, 2**33], [1, 2])
    with pytest.raises(Unwritable, match="bitmap-span"):
        dumps(payload, encoding="bitmap")
    assert loads(dumps(payload)) == payload


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(kept=2), "limit-kept"),
        (Limits(stream=2), "limit-stream"),
        (Limits(blocks=2), "limit-blocks"),
        (Limits(class_map=7), "limit-class-map"),
        (Limits(metadata=6), "limit-metadata"),
    ],
)
def test_reader_and_writer_apply_every_limit(limits: Limits, code: str) -> None:
    payload = Payload(POOL, ["cat", "dog"], [3, 140, 590], [0, 1, 0], metadata={"a": 1})
    data = dumps(payload, block_span=100, encoding="delta")
    if code == "limit-stream":
        payload = Payload(POOL, ["cat", "dog"], [3, 40, 59], [0, 1, 0])
        data = dumps(payload, block_span=100, encoding="delta")
    with pytest.raises(LimitExceeded) as read:
        loads(data, limits=limits)
    with pytest.raises(LimitExceeded) as written:
        dumps(payload, block_span=100, encoding="delta", limits=limits)
    assert (read.value.code, written.value.code) == (code, code)


@pytest.mark.slow
def test_sizes_that_the_design_promises() -> None:
    empty = Payload(PoolRef(bytes(range(32)), 14_197_122), 10, [], [])
    assert len(dumps(empty)) <= 76
    rng = np.random.default_rng(1)
    size = 14_197_122
    positions = np.sort(rng.choice(size, 141_971, replace=False))
    payload = Payload(PoolRef(bytes(32), size), 200, positions, rng.integers(0, 200, 141_971))
    for span in (None, 2**20, 2**16):
        report = validate(dumps(payload, block_span=span))
        per_part = report.bytes_per_part
        assert per_part["BLOCK"] <= 24 * report.facts["blocks"]
        assert sum(per_part.values()) == report.size
        assert "unread" not in per_part


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.slow
def test_threads_change_nothing(cores: int, dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many blocks, and streams that are large enough to be compressed by several threads."""
    rng = np.random.default_rng(0)
    kept = 5 * writer.MANY
    positions = np.sort(rng.choice(40 * kept, kept, replace=False))
    payload = Payload(PoolRef(bytes(32), 40 * kept), 1000, positions, rng.integers(0, 1000, kept))
    monkeypatch.setattr(zstd, "LARGE", 2**12)
    together = []
    for count in (1, cores):
        monkeypatch.setattr(threads, "cores", lambda count=count: count)
        together.append([dumps(payload, dense=dense, block_span=span) for span in (None, 8 * kept)])
    assert together[0] == together[1]
    assert loads(together[0][1]) == payload


def test_the_first_block_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error does not depend on which thread is first."""
    monkeypatch.setattr(threads, "cores", lambda: 4)
    done = []

    def half(number: int) -> int:
        if number in (2, 3):
            raise Unwritable("encoding", f"number {number}")
        done.append(number)
        return number // 2

    assert threads.share_out(half, [8, 6, 4]) == [4, 3, 2]
    for _ in range(20):
        with pytest.raises(Unwritable, match="number 3"):
            threads.share_out(half, [9, 3, 2, 5])
