"""The README's figure: what payloads teach networks that train whole, against their bytes.

::

    python -m benchmarks.accuracy.whole_students docs/whole-students.png

The rows are those of the table in `docs/results.md`, which has the command that measures them.
"""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

FACTS = Path(__file__).parents[1] / "facts" / "whole-students.csv"

STUDENTS = {
    "finetuned": "fine-tuned: EfficientNet-Lite0",
    "scratch": "from scratch: ResNet-18",
}
STYLES = {
    "rule": ("a rule", "tab:blue", "o-"),
    "herding": ("list: herding", "tab:green", "^--"),
    "low energy (paper)": ("list: low energy (paper)", "tab:red", "s--"),
    "gradient matching": ("list: gradient matching", "tab:purple", "D--"),
    "random": ("list: random images", "tab:gray", "v"),
    "every image of the pool": ("every image, with its label", "tab:brown", "P"),
}
_TICKS = {300: "300 B", 1000: "1 KB", 3000: "3 KB", 10000: "10 KB"}


@dataclass(frozen=True)
class Offer:
    """A payload, and what it teaches.

    Attributes:
        payload: how its images were chosen.
        bytes: of the file.
        accuracy: mean over seeds for each kind of student, on test images, percent.
        deviation: its deviation over seeds, 0 where it was not stated.
    """

    payload: str
    bytes: int
    accuracy: dict[str, float]
    deviation: dict[str, float]


def offers(path: Path = FACTS) -> list[Offer]:
    """The committed rows, in their order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Offer(
                row["payload"],
                int(row["bytes"]),
                {kind: float(row[kind]) for kind in STUDENTS},
                {kind: float(row[f"{kind}_deviation"] or 0) for kind in STUDENTS},
            )
            for row in csv.DictReader(file)
        ]


def draw(rows: list[Offer], path: str | os.PathLike[str]) -> None:
    """Write the figure to `path`; its suffix names the format."""
    figure = Figure(figsize=(7.6, 4.3), layout="constrained")
    panels = figure.subplots(1, len(STUDENTS))
    for panel, (kind, title) in zip(panels, STUDENTS.items(), strict=True):
        _panel(panel, kind, title, rows)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.supylabel("accuracy on test images, %", fontsize=10)
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=10, frameon=False)
    figure.savefig(path, dpi=140)


def _panel(panel: Axes, kind: str, title: str, rows: list[Offer]) -> None:
    for payload, (label, colour, style) in STYLES.items():
        mine = [row for row in rows if row.payload == payload]
        panel.errorbar(
            [row.bytes for row in mine],
            [row.accuracy[kind] for row in mine],
            yerr=[row.deviation[kind] for row in mine],
            fmt=style,
            color=colour,
            label=label,
            markersize=6,
            capsize=2,
        )
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(list(_TICKS)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _TICKS.get(int(value), "")))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_title(title, fontsize=11)
    panel.set_xlabel("bytes sent", fontsize=10)
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    draw(offers(), sys.argv[1])
