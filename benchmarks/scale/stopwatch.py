"""Times that can be compared on a busy machine: taken in turn, and as ratios round by round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


class Times:
    """Wall and processor seconds of several steps, each taken once a round."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.processor: dict[str, list[float]] = {}

    def take(self, name: str, step: Callable[[], Any]) -> Any:
        """Run `step`, note what it took, and return its value."""
        started, used = time.perf_counter(), time.process_time()
        value = step()
        self.note(name, time.perf_counter() - started, time.process_time() - used)
        return value

    def note(self, name: str, wall: float, processor: float) -> None:
        """Note what a step took that was timed otherwise."""
        self.wall.setdefault(name, []).append(wall)
        self.processor.setdefault(name, []).append(processor)

    def ratio(self, names: list[str], base: str, *, processor: bool = False) -> float:
        """The median over the rounds of the time of the steps `names` over that of `base`."""
        times = self.processor if processor else self.wall
        totals = zip(*(times[name] for name in names), strict=True)
        pairs = zip(totals, times[base], strict=True)
        return float(statistics.median(sum(total) / other for total, other in pairs))

    def medians(self) -> dict[str, dict[str, float]]:
        """Milliseconds by step: the medians of wall and processor time."""
        return {
            name: {
                "wall_ms": round(1000 * statistics.median(values), 3),
                "cpu_ms": round(1000 * statistics.median(self.processor[name]), 3),
            }
            for name, values in self.wall.items()
        }
