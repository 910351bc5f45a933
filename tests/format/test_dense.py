"""The dense encoding: both ways to run it agree, and a stream has one spelling."""

from __future__ import annotations

import warnings
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pladafmt import (
    LimitExceeded,
    Limits,
    Payload,
    PladaError,
    PoolRef,
    SlowWarning,
    dumps,
    loads,
    salvage,
    validate,
)
from pladafmt.blocks import dense
from pladafmt.loops.backend import PLAIN, Backend, compiled

BACKENDS = [each for each in (PLAIN, compiled()) if each is not None]

distances = st.lists(
    st.one_of(st.integers(1, 3), st.integers(1, 500), st.integers(1, 2**53 - 1)), max_size=80
).map(lambda values: np.array(values, dtype=np.int64))


def encode(values: np.ndarray, backend: Backend) -> bytes:
    stream = dense.encode_distances(values, 16 * values.size + 16, backend)
    assert stream is not None
    return stream


def decode(stream: bytes, count: int, backend: Backend) -> np.ndarray:
    values = np.zeros(count, dtype=np.int64)
    dense.decode_distances_into(values, stream, offset=0, field="x", backend=backend)
    return values


def test_there_is_a_compiled_path_to_compare() -> None:
    if compiled() is None:
        pytest.skip("numba is not installed: pip install 'pladafmt[fast]'")
    assert len(BACKENDS) == 2


@given(distances)
def test_distances_are_the_same_on_both_backends(values: np.ndarray) -> None:
    streams = {encode(values, backend) for backend in BACKENDS}
    assert len(streams) == 1
    for backend in BACKENDS:
        read = decode(next(iter(streams)), values.size, backend)
        assert read.tolist() == values.tolist()


@given(st.data(), st.sampled_from([2, 3, 10, 256, 257, 65_536]), st.integers(1, 7))
def test_labels_are_the_same_on_both_backends(
    data: st.DataObject, classes: int, shift: int
) -> None:
    few = st.integers(0, min(classes, 5) - 1)
    chosen = st.lists(st.one_of(few, st.integers(0, classes - 1)), max_size=80)
    labels = np.array(data.draw(chosen), dtype=np.uint16)
    kinds = np.array(
        data.draw(st.lists(st.integers(0, 15), min_size=labels.size, max_size=labels.size)),
        dtype=np.int8,
    )
    room = 64 * labels.size + 64
    streams = {
        dense.encode_labels(labels, kinds, classes, shift, room, backend) for backend in BACKENDS
    }
    assert len(streams) == 1
    (stream,) = streams
    assert stream is not None
    for backend in BACKENDS:
        read = dense.decode_labels(
            stream, kinds, classes, shift, offset=0, field="x", backend=backend
        )
        assert read.tolist() == labels.tolist()


@given(st.binary(max_size=40), st.integers(0, 60), st.integers(2, 300), st.integers(1, 7))
def test_any_bytes_give_the_same_answer_on_both_backends(
    data: bytes, count: int, classes: int, shift: int
) -> None:
    kinds = (np.arange(count) % 16).astype(np.int8)
    answers = set()
    for backend in BACKENDS:
        try:
            found = decode(data, count, backend)
        except PladaError as error:
            answers.add(error.code)
        else:
            # A stream that decodes is the one that encodes its contents.
            assert encode(found, backend) == data
            answers.add(str(found.tolist()))
    assert len(answers) == 1
    answers.clear()
    for backend in BACKENDS:
        try:
            labels = dense.decode_labels(
                data, kinds, classes, shift, offset=0, field="x", backend=backend
            )
        except PladaError as error:
            answers.add(error.code)
        else:
            room = 64 * count + 64
            assert dense.encode_labels(labels, kinds, classes, shift, room, backend) == data
            answers.add(str(labels.tolist()))
    assert len(answers) == 1


def in_small_blocks() -> bytes:
    """The file of 200 images in 20 blocks with dense streams."""
    labels = (np.arange(200) // 3 % 5).astype(np.uint16)
    payload = Payload(PoolRef(bytes(32), 200), 5, np.arange(200), labels)
    return dumps(payload, block_span=10, dense=True)


@pytest.mark.parametrize(("many", "imported"), [(100, True), (201, False)])
def test_numba_is_worth_it_for_many_small_blocks_together(many: int, imported: bool) -> None:
    data = in_small_blocks()
    assert len(validate(data).parts) > 200 and validate(data).facts["features"] == "dense"
    with (
        patch("pladafmt.loops.backend.loaded", lambda: None),
        patch("pladafmt.loops.backend.MANY", many),
        patch("pladafmt.loops.backend.compiled", return_value=None) as compiled,
    ):
        loads(data)
    assert bool(compiled.called) == imported


def test_a_long_wait_without_numba_is_announced_once() -> None:
    data = in_small_blocks()
    without = (
        patch("pladafmt.loops.backend.loaded", lambda: None),
        patch("pladafmt.loops.backend.compiled", lambda: None),
    )
    with without[0], without[1], patch("pladafmt.loops.backend.SLOW", 100):
        with pytest.warns(SlowWarning, match=r"pladafmt\[fast\]") as warned:
            payload = loads(data)
        assert len(warned) == 1
        with pytest.warns(SlowWarning):
            dumps(payload, dense=True)
    with without[0], without[1], warnings.catch_warnings():
        warnings.simplefilter("error")
        loads(data)


def test_a_limit_on_dense_images_holds_where_numba_is_missing() -> None:
    data = in_small_blocks()
    with patch("pladafmt.loops.backend.compiled", lambda: PLAIN):
        assert loads(data, limits=Limits(dense=0)).kept == 200
    with (
        patch("pladafmt.loops.backend.loaded", lambda: None),
        patch("pladafmt.loops.backend.compiled", lambda: None),
    ):
        assert loads(data, limits=Limits(dense=200)).kept == 200
        report = validate(data, limits=Limits(dense=199))
        assert (report.verdict, report.code, report.field) == ("limit", "limit-kept", "BLOCK.count")
        assert "200 images" in str(report.problem) and "dense=199" in str(report.problem)
        assert "pladafmt[fast]" in str(report.problem)
        assert report.facts["blocks"] == 19
        with pytest.raises(LimitExceeded):
            salvage(data[:-1], limits=Limits(dense=199))


def test_an_encoder_gives_up_when_there_is_no_room() -> None:
    values = np.full(500, 2**40 + 12345, dtype=np.int64)
    for backend in BACKENDS:
        assert dense.encode_distances(values, 300, backend) is None
