"""What `payload_size` measures: the sizes of each encoding on each pool, and their means."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from . import own
from .rivals import RIVALS, YARDSTICK

KEY = "key order"
RANDOM = "random order"
SEMANTIC = "semantic order"


@dataclass(frozen=True)
class Row:
    """The sizes of one set of kept images.

    Attributes:
        pool: what the pool and task are called.
        rate: keep rate.
        kept: K.
        pool_size: N.
        classes: C.
        sizes: bytes of positions and labels by encoding; no rival has a container.
        parts: for our own files, bytes by owner.
        container: for our own files, bytes that are not streams: preamble, head, checksums, end.
    """

    pool: str
    rate: float
    kept: int
    pool_size: int
    classes: int
    sizes: dict[str, int]
    parts: dict[str, dict[str, int]] = field(default_factory=dict)
    container: dict[str, int] = field(default_factory=dict)

    @property
    def yardstick(self) -> int:
        """The better of the paper's Zstd-19 encodings, in bytes."""
        return min(self.sizes[name] for name in YARDSTICK)

    def ratio(self, encoding: str) -> float:
        """Return the size of an encoding over the yardstick."""
        return self.sizes[encoding] / self.yardstick


@dataclass
class Result:
    """Everything that was measured.

    Attributes:
        rows: one for each pool and rate.
        notes: what was left out, and why.
        seed: of the simulated pools, or None.
    """

    rows: list[Row]
    notes: list[str]
    seed: int | None

    @property
    def encodings(self) -> list[str]:
        """What was measured on every row, rivals first."""
        names = [*RIVALS, *own.FORMS]
        return [name for name in names if all(name in row.sizes for row in self.rows)]

    @property
    def rates(self) -> list[float]:
        """The keep rates, in the order of measuring."""
        return list(dict.fromkeys(row.rate for row in self.rows))

    def mean_ratio(self, encoding: str, rate: float) -> float:
        """Return the geometric mean of an encoding's ratios over the pools, at one rate."""
        logs = [math.log(row.ratio(encoding)) for row in self.rows if row.rate == rate]
        return _geometric(logs)

    def across_orders(self) -> dict[str, float]:
        """Return our dense sizes in one order over the yardstick's in another.

        Geometric means over the keep rates, one for each pair of orders that was measured.
        """
        rows = {(row.pool, row.rate): row for row in self.rows}
        means: dict[str, float] = {}
        for pool, ours, base in itertools.product(
            {pool for pool, _ in rows}, (KEY, SEMANTIC, RANDOM), (KEY, RANDOM)
        ):
            pairs = [
                (
                    rows.get((arranged_name(pool, ours), rate)),
                    rows.get((arranged_name(pool, base), rate)),
                )
                for rate in self.rates
            ]
            logs = [
                math.log(mine.sizes[own.DENSE] / theirs.yardstick)
                for mine, theirs in pairs
                if mine is not None and theirs is not None
            ]
            arranged = (arranged_name(pool, RANDOM), self.rates[0]) in rows
            if arranged and len(logs) == len(self.rates):
                means[f"{pool}: dense, {ours} / {base}"] = round(_geometric(logs), 4)
        return means

    def as_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        return {
            "benchmark": "payload_size",
            "unit": "bytes",
            "seed": self.seed,
            "rows": [
                {**asdict(row), "ratios": {name: round(row.ratio(name), 4) for name in row.sizes}}
                for row in self.rows
            ],
            "mean_ratios": {
                str(rate): {name: round(self.mean_ratio(name, rate), 4) for name in self.encodings}
                for rate in self.rates
            },
            "across_orders": self.across_orders(),
            "notes": self.notes,
        }


def arranged_name(pool: str, order: str) -> str:
    """Return what a pool is called in another order than that of its keys."""
    return pool if order == KEY else f"{pool}, {order}"


def _geometric(logs: Sequence[float]) -> float:
    return math.exp(sum(logs) / len(logs))
