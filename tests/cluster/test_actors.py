"""Sharing out chunks: what happens when actors keep dying."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

import pytest

from plada_ref.errors import PipelineError

from .conftest import Cluster

pytestmark = pytest.mark.slow

CHUNKS = [range(start, start + 10) for start in range(0, 2000, 10)]


def test_every_chunk_once_and_a_deadly_one_stops_the_run(cluster: Cluster) -> None:
    from plada_ref.ray.actors import Reservation, share_out
    from plada_ref.ray.connection import connected

    # Defined here, so that Ray sends the class itself: no node can import this module.
    class Sum:
        def __init__(self, deadly: int = -1, dies_at_once: bool = False) -> None:
            self.deadly = deadly
            self.dies_at_once = dies_at_once

        def start(self) -> str:
            if self.dies_at_once:
                os._exit(1)
            return "ready"

        def work(self, chunks: Sequence[range]) -> Iterator[int]:
            for chunk in chunks:
                if self.deadly in chunk:
                    time.sleep(0.5)  # As long as a real one: earlier results have arrived.
                    os._exit(1)
                yield sum(chunk)

    warnings: list[str] = []

    def results(job: Sum) -> Iterator[int]:
        yield from share_out(
            job, CHUNKS, Reservation(2, 1, 0), on_start=lambda kind: None, warn=warnings.append
        )

    with connected(cluster.address):
        assert sorted(results(Sum())) == sorted(map(sum, CHUNKS))
        assert not warnings
        found: list[int] = []
        with pytest.raises(PipelineError, match=r"4 actors were lost .* positions 1230 to 1239"):
            found.extend(results(Sum(deadly=1234)))
        assert len(warnings) == 3
        with pytest.raises(PipelineError, match="The actors end before they have begun"):
            list(results(Sum(dies_at_once=True)))
