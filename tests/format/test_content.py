"""The content id of a file does not depend on who hashes its positions, and when."""

from __future__ import annotations

import hashlib
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from pladafmt import Payload, PoolRef, content, dumps, loads
from pladafmt.content import PositionHash
from pladafmt.testing import payloads


class _NoThread(Thread):
    def start(self) -> None:
        raise RuntimeError("can't start new thread")


@pytest.fixture(params=["thread", "no thread", "one core"])
def who(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Threads for the shortest column, on any machine; or what happens where there are none."""
    monkeypatch.setattr(content, "MANY", 0)
    monkeypatch.setattr(content, "cores", lambda: 1 if request.param == "one core" else 4)
    if request.param == "no thread":
        monkeypatch.setattr(content, "Thread", _NoThread)
    return str(request.param)


# Where it is hashed is the same for all examples.
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=payloads())
def test_reading_finds_the_id_that_writing_states(who: str, payload: Payload) -> None:
    assert content.content_id(loads(dumps(payload))) == content.content_id(payload)


@pytest.mark.parametrize(("size", "kind"), [(2**32, "<u4"), (2**32 + 1, "<u8")])
def test_blocks_are_hashed_one_after_the_other(who: str, size: int, kind: str) -> None:
    pool = PoolRef(bytes(32), size)
    positions = np.sort(np.random.default_rng(0).choice(2**20, 300_000, replace=False))
    payload = Payload(pool, 3, positions, positions % 3)
    data = dumps(payload, block_span=2**17)
    assert content.content_id(loads(data)) == content.content_id(payload)
    hasher = PositionHash(pool)
    for start in range(0, len(positions), 70_000):
        hasher.update(payload.positions[start : start + 70_000])
    assert hasher.digest() == hashlib.sha256(positions.astype(kind).tobytes()).digest()
    assert content.hash_content(payload, None, None, positions=hasher.digest()) == (
        content.content_id(payload)
    )


def test_a_hash_that_failed_is_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MANY", 0)
    monkeypatch.setattr(content, "cores", lambda: 2)

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(content, "_update", fail)
    hasher = PositionHash(PoolRef(bytes(32), 10))
    hasher.update(np.arange(5, dtype=np.uint64))
    with pytest.raises(MemoryError):
        hasher.digest()
