"""The table of students of several kinds: a line per payload, a column per kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean, stdev

from plada_ref.selection.students import HEAD

from .rows import Row
from .students import FULL_TARGET, KINDS


def students_table(rows: Iterable[Row]) -> str:
    """Mean accuracy and its deviation over seeds, in percent; a Markdown table per task."""
    found: dict[str, dict[tuple[str, int], dict[str, list[Row]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for row in rows:
        if row.kind in (HEAD, *KINDS):
            found[row.task][row.name, row.budget][row.kind].append(row)
    return "\n\n".join(_task_table(task, offers) for task, offers in found.items())


def _task_table(task: str, offers: dict[tuple[str, int], dict[str, list[Row]]]) -> str:
    kinds = [kind for kind in (HEAD, *KINDS) if any(kind in each for each in offers.values())]
    lines = [
        f"| {task} | bytes | images | " + " | ".join(kinds) + " |",
        "|-" * (3 + len(kinds)) + "|",
    ]

    def order(key: tuple[str, int]) -> tuple[bool, float, str]:
        name, _ = key
        return name == FULL_TARGET, _mean(offers[key], "bytes"), name

    for name, budget in sorted(offers, key=order):
        by_kind = offers[name, budget]
        size, kept = _mean(by_kind, "bytes"), _mean(by_kind, "kept")
        numbers = ["", ""] if name == FULL_TARGET else [f"{size:,.0f}", f"{kept:,.0f}"]
        cells = [_cell(by_kind.get(kind, [])) for kind in kinds]
        lines.append("| " + " | ".join([name, *numbers, *cells]) + " |")
    return "\n".join(lines)


def _mean(by_kind: dict[str, list[Row]], what: str) -> float:
    rows = [row for each in by_kind.values() for row in each]
    return fmean(row.bytes if what == "bytes" else row.details.get(what, 0) for row in rows)


def _cell(rows: list[Row]) -> str:
    if not rows:
        return ""
    values = [100 * row.accuracy for row in rows]
    spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{fmean(values):.1f}{spread}"
