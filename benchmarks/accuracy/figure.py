"""The figure of accuracy against bytes: one panel per task."""

from __future__ import annotations

import os
from collections.abc import Iterable
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from .rows import Row

CURVES = {
    "auto": ("auto", "tab:blue", "o-"),
    "low-energy": ("low energy (paper)", "tab:red", "s--"),
    "low-energy+safety-net:alpha=-0.2,share=0.5": ("Safety-Net -0.2 (paper)", "tab:orange", "^--"),
    "random": ("random pool images", "tab:gray", "v:"),
    "images-random": ("target images, random, JPEG", "tab:green", "<-."),
    "images-k-center": ("target images, k-center, JPEG", "tab:olive", ">-."),
}
POINTS = {
    "int2-head": ("INT2 head", "tab:purple", "*"),
    "int4-head": ("INT4 head", "tab:purple", "X"),
    "int8-head": ("INT8 head", "tab:purple", "P"),
    "int8-student": ("INT8 student", "tab:pink", "h"),
    "whole-pool": ("whole pool", "tab:brown", "D"),
    "full-target": ("full target data", "black", "|"),
}
CEILING = "full-target"
_TICKS = {10.0**n: text for n, text in enumerate(["1 KB", "10 KB", "100 KB", "1 MB", "10 MB"], 3)}


def draw(rows: Iterable[Row], path: str | os.PathLike[str]) -> None:
    """Write the figure to `path`; its suffix names the format."""
    rows = list(rows)
    tasks = list(dict.fromkeys(row.task for row in rows))
    columns = min(2, len(tasks))
    lines = -(-len(tasks) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.3 * lines + 1.1), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, task in zip(panels, tasks, strict=False):
        _panel(panel, task, [row for row in rows if row.task == task])
    for panel in panels[len(tasks) :]:
        panel.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.supylabel("student's accuracy on test images, %", fontsize=10)
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def _panel(panel: Axes, task: str, rows: list[Row]) -> None:
    for name, (label, colour, style) in CURVES.items():
        # A baseline that has no room for an image at a budget has no bytes there.
        mine = [row for row in rows if row.name == name and row.budget and row.bytes]
        points = [
            [row for row in mine if row.budget == budget]
            for budget in sorted({row.budget for row in mine})
        ]
        panel.plot(*zip(*map(_mean, points), strict=True), style, color=colour, label=label, ms=5)
    for name, (label, colour, mark) in POINTS.items():
        mine = [row for row in rows if row.name == name]
        if mine:
            size, reached = _mean(mine)
            panel.plot([size], [reached], mark, color=colour, label=label, linestyle="none", ms=7)
            if name == CEILING:
                panel.axhline(reached, color="black", linewidth=0.7)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(list(_TICKS)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _TICKS.get(value, "")))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_title(task, fontsize=11)
    panel.set_xlabel("bytes sent", fontsize=9)
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def _mean(rows: list[Row]) -> tuple[float, float]:
    """Bytes and percent."""
    return fmean(row.bytes for row in rows), fmean(100 * row.accuracy for row in rows)
