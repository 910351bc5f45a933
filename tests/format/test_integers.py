"""Split integers: every way to read them gives the same integers."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plada_conformance.vectors_on_disk import vectors

from pladafmt import validate
from pladafmt.blocks import integers
from pladafmt.blocks.encodings import delta
from pladafmt.errors import Malformed, PladaError
from pladafmt.loops import backend

WAYS = [None] if backend.compiled() is None else [None, backend.compiled()]


@pytest.mark.parametrize("way", WAYS, ids=["numpy", "compiled"][: len(WAYS)])
@given(
    st.lists(
        st.one_of(st.integers(1, 20), st.integers(1, 2**25), st.integers(1, 2**53 - 1)),
        max_size=100,
    )
)
def test_integers_come_back(way: backend.Backend | None, values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    stream = b"".join(integers.encode(array))
    low, high = integers.size_bounds(len(values), max(values, default=1))
    assert low <= len(stream) <= high
    with patch("pladafmt.loops.backend.loaded", lambda: way):
        read = integers.decode(stream, len(values), offset=0, field="x")
        assert read.tolist() == values
        if values and sum(values) < 2**53:
            positions = np.array([0, *values], dtype=np.int64)
            delta.accumulate(positions, sum(values) + 1, 0)
            assert positions.tolist() == [0, *np.cumsum(array).tolist()]


@given(
    st.integers(0, integers.FEW),
    st.one_of(
        st.binary(max_size=60),
        st.lists(st.sampled_from([0, 1, 14, 15, 16, 52, 53, 0xF0, 0xFF]), max_size=40).map(bytes),
    ),
)
def test_few_integers_are_read_in_plain_python_with_the_same_result(
    count: int, stream: bytes
) -> None:
    outcomes = []
    for few in (-1, integers.FEW):
        with patch("pladafmt.blocks.integers.FEW", few):
            try:
                found = integers.decode(stream, count, offset=5, field="x")
                outcomes.append(found.tolist())
            except PladaError as error:
                outcomes.append((error.code, error.offset, error.problem))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("way", WAYS, ids=["numpy", "compiled"][: len(WAYS)])
def test_more_integers_than_one_batch(way: backend.Backend | None) -> None:
    values = np.random.default_rng(0).geometric(0.01, 3 * integers.BATCH + 5).astype(np.int64)
    stream = b"".join(integers.encode(values))
    with patch("pladafmt.loops.backend.loaded", lambda: way):
        read = integers.decode(stream, values.size, offset=0, field="x")
    assert np.array_equal(read, values)


@pytest.mark.parametrize("way", WAYS, ids=["numpy", "compiled"][: len(WAYS)])
def test_faults_get_the_same_code_either_way(way: backend.Backend | None) -> None:
    with patch("pladafmt.loops.backend.loaded", lambda: way):
        for vector in vectors():
            if vector.path.parent.name == "positions" and vector.file is not None:
                assert validate(vector.file).code == vector.data["code"], vector.id


@pytest.mark.parametrize("way", WAYS, ids=["numpy", "compiled"][: len(WAYS)])
@pytest.mark.parametrize("count", [2049, 2050, 2560, 5000])
def test_distances_that_wrap_around_to_the_right_sum_are_refused(
    way: backend.Backend | None, count: int
) -> None:
    # Together 2^64 * n + 999: in 64 bits they lead to position 999.
    largest = 2**53 - 1
    turns = count * largest // 2**64
    values = [largest] * count
    short = count * largest - (turns * 2**64 + 999)
    for number in range(count):
        less = min(short, largest - 1)
        values[number] -= less
        short -= less
    assert short == 0 and sum(values) % 2**64 == 999 and min(values) >= 1 and turns >= 1
    for order in (values, values[::-1]):
        distances = np.array([0, *order], dtype=np.int64)
        with patch("pladafmt.loops.backend.loaded", lambda: way), pytest.raises(Malformed):
            delta.accumulate(distances, 1000, 0)
