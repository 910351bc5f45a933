"""Many hashes at once are those of hashlib, whichever way they are made."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pladafmt.loops import backend, hashes, sha256
from pladafmt.merkle import CODES_LEAF, TreeHasher

needs_numba = pytest.mark.skipif(backend.compiled() is None, reason="numba is not installed")


@pytest.fixture
def anew() -> Iterator[None]:
    """What is known of the loops is found out once more."""
    hashes.lanes.cache_clear()
    yield
    hashes.lanes.cache_clear()


def ways() -> list[hashes.Hash]:
    """By hashlib, and with numba by lanes."""
    lanes = hashes.lanes()
    assert lanes is not None or backend.compiled() is None, "numba's loops are not SHA-256"
    return [hashes.by_hashlib, *([lanes] if lanes else [])]


@given(st.binary(max_size=150), st.integers(1, 150), st.integers(1, 99), st.randoms())
@example(bytes(15), 40, 1, None)  # The length fits into the block, and not.
@example(bytes(15), 41, 33, None)
@example(b"\0" + b"plada-pool-1\0", 32, 64, None)
def test_messages_of_any_length(head: bytes, width: int, count: int, random: Any) -> None:
    rows = random.randbytes(count * width) if random else bytes(range(256)) * 16
    rows = rows[: count * width]
    each = [rows[at : at + width] for at in range(0, len(rows), width)]
    expected = b"".join(hashlib.sha256(head + one).digest() for one in each)
    for way in ways():
        assert way(head, rows, width) == expected


def test_constants_are_those_of_the_standard() -> None:
    """The first and the last of both (FIPS 180-4)."""
    assert [hex(sha256.FIRST[at]) for at in (0, -1)] == ["0x6a09e667", "0x5be0cd19"]
    assert [hex(sha256.CONSTANTS[at]) for at in (0, -1)] == ["0x428a2f98", "0xc67178f2"]


@needs_numba
@pytest.mark.parametrize("count", [0, 1, 5000])
def test_a_large_tree_takes_the_loops(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).integers(-128, 128, (count, 20), dtype=np.int8)
    small, large = TreeHasher(CODES_LEAF, 20), TreeHasher(CODES_LEAF, 20, expected=hashes.MANY)
    taken: list[int] = []
    lanes = hashes.lanes()
    assert lanes

    def noting(head: bytes, rows: bytes, width: int) -> bytes:
        taken.append(len(rows) // width)
        return lanes(head, rows, width)

    monkeypatch.setattr(hashes, "lanes", lambda: noting)
    for tree in (small, large):
        for piece in np.split(rows, [7, 4096]):
            tree.extend(piece)
        assert bool(taken) == (tree is large and count > 0)
    assert small.root() == large.root()


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("fault", ["missing", "off", "wrong", "fails"])
def test_without_loops_hashlib_does_it(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def digests(*arguments: Any) -> None:
        if fault == "fails":
            raise RuntimeError("no code for this processor")
        arguments[-1][:] = 0

    if fault == "missing":
        monkeypatch.setitem(sys.modules, "numba", None)
    elif fault == "off":
        off = SimpleNamespace(config=SimpleNamespace(DISABLE_JIT=1))  # Nothing else is asked of it.
        monkeypatch.setitem(sys.modules, "numba", off)
    else:
        monkeypatch.setattr(hashes, "compile_lanes", lambda: SimpleNamespace(digests=digests))
    assert hashes.lanes() is None
    assert hashes.best(hashes.MANY) is hashes.by_hashlib


@needs_numba
def test_compiled_code_need_not_be_kept() -> None:
    """As where a container has no folder that can be written to."""
    import numba

    def njit(**options: Any) -> Any:
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return numba.njit(**options)

    without: Any = SimpleNamespace(njit=njit)
    add = backend._jit(without, lambda x: x + 1)
    assert add(1) == 2
