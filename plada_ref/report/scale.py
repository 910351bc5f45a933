"""The axes of the chart: bytes on a logarithmic scale, accuracies on a linear one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

TOP, BOTTOM = 5.0, 90.0
"""Where the highest and the lowest accuracy lie, percent of the height."""

_MOST_TICKS = 7


@dataclass(frozen=True)
class Scale:
    """From bytes and accuracies to percentages of the picture.

    Attributes:
        left, right: decimal logarithms of the bytes at the edges.
        low, high: accuracies at the bottom and the top, multiples of 0.1.
    """

    left: float
    right: float
    low: float
    high: float

    @classmethod
    def around(cls, sizes: Iterable[int], accuracies: Iterable[float]) -> Scale:
        """The scale of a picture that holds all of these."""
        logs, found = [math.log10(size) for size in sizes], list(accuracies)
        margin = max(0.06 * (max(logs) - min(logs)), 0.1)
        # From a multiple of 10 % to another one, and never so close that noise looks like news.
        high = min(1.0, math.ceil(10 * max(found) + 0.2) / 10)
        low = max(0.0, min(math.floor(10 * min(found) - 0.2) / 10, high - 0.2))
        return cls(min(logs) - margin, max(logs) + margin, low, max(high, low + 0.2))

    def x(self, size: int) -> str:
        """Place of a number of bytes."""
        return f"{self.across(size):.2f}%"

    def across(self, size: int) -> float:
        """Place of a number of bytes as a number, 0 to 100."""
        return 100 * (math.log10(size) - self.left) / (self.right - self.left)

    def y(self, accuracy: float) -> str:
        """Place of an accuracy."""
        height = (accuracy - self.low) / (self.high - self.low)
        return f"{BOTTOM - (BOTTOM - TOP) * height:.2f}%"

    def near(self, one: float, other: float) -> bool:
        """Whether two accuracies lie within a line of letters of each other."""
        return abs(one - other) < 0.06 * (self.high - self.low)

    def sizes(self) -> list[int]:
        """Round numbers of bytes for the axis."""
        decades = range(max(0, math.floor(self.left)), math.ceil(self.right) + 1)
        for steps in ((1, 2, 3, 4, 5, 7), (1, 2, 5), (1,)):
            ticks = [step * 10**decade for decade in decades for step in steps]
            ticks = [tick for tick in ticks if self.left <= math.log10(tick) <= self.right]
            if len(ticks) <= _MOST_TICKS:
                break
        return ticks[:: math.ceil(len(ticks) / _MOST_TICKS) or 1]

    def accuracies(self) -> list[float]:
        """Round accuracies for the axis."""
        step = 1 if self.high - self.low < 0.65 else 2  # tenths
        low, high = round(10 * self.low), round(10 * self.high)
        return [tenth / 10 for tenth in range(low, high + 1) if tenth % step == 0]
