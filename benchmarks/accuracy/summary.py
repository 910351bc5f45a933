"""What the rows say of the project's claims."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from .grid import PAPER, RULES
from .rows import Row

Accuracies = dict[tuple[str, str, int], dict[int, float]]
"""Accuracy in percent by (task, name, budget), then by seed."""


@dataclass(frozen=True)
class Cell:
    """The automatic selection on one task at one budget, against fixed rules; percent and points.

    Attributes:
        task, budget: which.
        auto: mean accuracy over seeds.
        spread: standard deviation over seeds.
        best_rule: the fixed rule of the highest mean test accuracy.
        behind: how far auto lies below it on average; below 0 it is above.
        allowed: 1.5 points, or two paired standard errors if they are more.
        over_low_energy, over_best_of_three, over_random: how far auto lies above.
        chosen: what was chosen, by seed.
        carried: whether the report says that the pool carries the task, by seed.
    """

    task: str
    budget: int
    auto: float
    spread: float
    best_rule: str
    behind: float
    allowed: float
    over_low_energy: float
    over_best_of_three: float
    over_random: float
    chosen: list[str]
    carried: list[bool]

    @property
    def holds(self) -> bool:
        """Whether auto is not too far below the best fixed rule."""
        return self.behind <= self.allowed


@dataclass(frozen=True)
class Summary:
    """All cells, and the comparisons with what is sent instead.

    Attributes:
        cells: by task and budget.
        against: by task: the ceiling, the INT8 head, and auto at half of its bytes.
    """

    cells: list[Cell]
    against: dict[str, dict[str, Any]]

    @property
    def lines(self) -> list[str]:
        """Sentences for people."""
        if not self.cells:
            return []
        worst = max(self.cells, key=lambda cell: cell.behind - cell.allowed)
        low = fmean(cell.over_low_energy for cell in self.cells)
        three = fmean(cell.over_best_of_three for cell in self.cells)
        found = [
            f"auto within the allowance of the best of {len(RULES)} fixed rules: "
            f"{sum(cell.holds for cell in self.cells)} of {len(self.cells)} (worst: {worst.task} "
            f"at {worst.budget:,} bytes, {worst.behind:.2f} points below {worst.best_rule})",
            f"auto above plain low energy: {low:.1f} points on average; above the best of the "
            f"paper's three by test accuracy: {three:.1f}",
        ]
        for task, facts in self.against.items():
            found.append(
                f"{task}: full target {facts['full_target']:.1f} %, auto at "
                f"{facts['largest_budget']:,} bytes {facts['auto']:.1f} %; INT8 head "
                f"{facts['int8_head']:.1f} % in {facts['int8_bytes']:,} bytes, auto in half of "
                f"them {facts['auto_at_half']:.1f} %"
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "cells": [vars(cell) | {"holds": cell.holds} for cell in self.cells],
            "auto_over_low_energy": _mean(cell.over_low_energy for cell in self.cells),
            "auto_over_best_of_three": _mean(cell.over_best_of_three for cell in self.cells),
            "against": self.against,
        }


def summary(rows: Iterable[Row]) -> Summary:
    """Compare the automatic selection with everything else."""
    rows = list(rows)
    found = _accuracies(rows)
    autos = {(row.task, row.budget, row.seed): row for row in rows if row.kind == "auto"}
    cells = []
    for task, budget in sorted({(task, budget) for task, name, budget in found if name in RULES}):
        auto = found.get((task, "auto", budget))
        if auto is not None:
            seeds = sorted(auto)
            chosen = [autos[task, budget, seed].details for seed in seeds]
            cells.append(_cell(found, task, budget, seeds, chosen))
    return Summary(cells, _against(found, rows, cells))


def table(rows: Iterable[Row]) -> str:
    """Mean accuracy of every rule and baseline by budget, a Markdown table per task."""
    found = _accuracies(list(rows))
    parts = []
    for task in sorted({task for task, _, _ in found}):
        budgets = sorted({budget for one, name, budget in found if one == task and name in RULES})
        names = sorted({name for one, name, budget in found if one == task and budget in budgets})
        lines = [f"| {task} | " + " | ".join(f"{budget:,} B" for budget in budgets) + " |"]
        lines.append("|-" * (len(budgets) + 1) + "|")
        for name in names:
            cells = [_shown(found.get((task, name, budget), {})) for budget in budgets]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        for _, name, budget in sorted(key for key in found if key[0] == task and key[2] == 0):
            lines.append(f"{name}: {_shown(found[task, name, budget])}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _shown(by_seed: dict[int, float]) -> str:
    values = list(by_seed.values())
    if not values:
        return "-"
    spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{fmean(values):.1f}{spread}"


def _accuracies(rows: Sequence[Row]) -> Accuracies:
    found: Accuracies = defaultdict(dict)
    for row in rows:
        found[row.task, row.name, row.budget][row.seed] = 100 * row.accuracy
    return found


def _cell(
    found: Accuracies, task: str, budget: int, seeds: list[int], chosen: list[dict[str, Any]]
) -> Cell:
    auto = [found[task, "auto", budget][seed] for seed in seeds]

    def of(name: str) -> list[float]:
        return [found[task, name, budget][seed] for seed in seeds]

    best = max(RULES, key=lambda name: fmean(of(name)))
    behind = [other - mine for other, mine in zip(of(best), auto, strict=True)]
    error = stdev(behind) / math.sqrt(len(behind)) if len(behind) > 1 else 0.0
    three = max((of(name) for name in PAPER), key=fmean)
    return Cell(
        task=task,
        budget=budget,
        auto=fmean(auto),
        spread=stdev(auto) if len(auto) > 1 else 0.0,
        best_rule=best,
        behind=fmean(behind),
        allowed=max(1.5, 2 * error),
        over_low_energy=fmean(auto) - fmean(of("low-energy")),
        over_best_of_three=fmean(auto) - fmean(three),
        over_random=fmean(auto) - fmean(of("random")),
        chosen=[str(details["chosen"]) for details in chosen],
        carried=[bool(details["carried"]) for details in chosen],
    )


def _against(
    found: Accuracies, rows: Sequence[Row], cells: Sequence[Cell]
) -> dict[str, dict[str, Any]]:
    against = {}
    for task in sorted({cell.task for cell in cells}):
        largest = max((cell for cell in cells if cell.task == task), key=lambda cell: cell.budget)
        heads = [row for row in rows if (row.task, row.name) == (task, "int8-head")]
        size = round(fmean(row.bytes for row in heads))
        halves = [
            100 * row.accuracy
            for row in rows
            if (row.task, row.kind) == (task, "auto")
            and row.budget in {head.bytes // 2 for head in heads}
        ]
        against[task] = {
            "full_target": fmean(found[task, "full-target", 0].values()),
            "largest_budget": largest.budget,
            "auto": largest.auto,
            "int8_head": fmean(found[task, "int8-head", 0].values()),
            "int8_bytes": size,
            "auto_at_half": fmean(halves) if halves else None,
        }
    return against


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fmean(found) if found else None
