"""A file means the same, and is refused for the same reason, whoever decodes its labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from pladafmt import Limits, Payload, PladaError, PoolRef, content, dumps, loads, threads
from pladafmt.blocks import read as block
from pladafmt.testing import payloads

VECTORS = Path(__file__).parents[2] / "conformance" / "vectors"
WAYS = ("beside", "no thread", "one core")


@contextmanager
def labels_decoded(way: str) -> Iterator[None]:
    """By a thread of their own for the smallest block, on any machine; or where there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "MANY", 0)
        patch.setattr(threads, "cores", lambda: 1 if way == "one core" else 4)
        if way == "no thread":
            patch.setattr(threads, "start_new_thread", _refuse)
        yield


def _refuse(*_: Any) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=payloads())
def test_reading_finds_the_id_that_writing_states(way: str, payload: Payload) -> None:
    data = dumps(payload)
    with labels_decoded(way):
        assert content.content_id(loads(data)) == content.content_id(payload)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.slow
def test_blocks_come_one_after_the_other(way: str) -> None:
    positions = np.sort(np.random.default_rng(0).choice(2**20, 300_000, replace=False))
    payload = Payload(PoolRef(bytes(32), 2**20), 300, positions, positions % 300)
    data = dumps(payload, block_span=2**17)
    with labels_decoded(way):
        read = loads(data)
    assert (read.labels == payload.labels).all()
    assert content.content_id(read) == content.content_id(payload)


def test_every_vector_is_read_or_refused_alike() -> None:
    files = sorted(VECTORS.rglob("*.plada"))
    assert len(files) > 900
    both = [[_outcome(path, way) for path in files] for way in ("beside", "one core")]
    assert both[0] == both[1]
    assert any(code.startswith("label") for code, *_ in both[0]), "labels are refused, too"


def _outcome(path: Path, way: str) -> tuple[Any, ...]:
    # Bounds that keep the vectors which take minutes from being decoded.
    limits = Limits(stream=2**24)
    with labels_decoded(way):
        try:
            return ("read", content.content_id(loads(path.read_bytes(), limits=limits)))
        except PladaError as error:
            return (error.code, error.offset, error.field, error.problem)


def test_work_beside_returns_or_raises() -> None:
    assert threads.Background(lambda: 5).result() == 5
    failing = threads.Background(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failing.result()
