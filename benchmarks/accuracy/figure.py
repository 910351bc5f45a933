"""The figure of accuracy against bytes: one panel per task."""

from __future__ import annotations

import os
from collections.abc import Iterable
from statistics import fmean

from matplotlib.figure import Figure

from .rows import Row

CURVES = {
    "auto": ("auto", "tab:blue", "o-"),
    "low-energy": ("low energy (paper)", "tab:red", "s--"),
    "low-energy+safety-net:alpha=-0.2,share=0.5": ("Safety-Net (paper)", "tab:orange", "^--"),
    "random": ("random", "tab:gray", "v:"),
    "images-random": ("random target JPEGs", "tab:green", "<-."),
    "images-k-center": ("k-center target JPEGs", "tab:olive", ">-."),
}
POINTS = {
    "int8-head": ("INT8 head", "tab:purple", "P"),
    "int4-head": ("INT4 head", "tab:purple", "X"),
    "int2-head": ("INT2 head", "tab:purple", "*"),
    "whole-pool": ("whole pool", "tab:brown", "D"),
}
CEILING = "full-target"


def draw(rows: Iterable[Row], path: str | os.PathLike[str]) -> None:
    """Write the figure to `path`; its suffix names the format."""
    rows = [row for row in rows if row.kind != "tuned"]
    tasks = sorted({row.task for row in rows})
    figure = Figure(figsize=(4.2 * len(tasks), 4.4))
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for panel, task in zip(panels, tasks, strict=True):
        of_task = [row for row in rows if row.task == task]
        for name, (label, colour, style) in CURVES.items():
            mine = [row for row in of_task if row.name == name and row.budget and row.bytes]
            budgets = sorted({row.budget for row in mine})
            points = [[row for row in mine if row.budget == budget] for budget in budgets]
            panel.plot(
                [fmean(row.bytes for row in some) for some in points],
                [fmean(100 * row.accuracy for row in some) for some in points],
                style,
                color=colour,
                label=label,
                markersize=5,
            )
        for name, (label, colour, mark) in POINTS.items():
            mine = [row for row in of_task if row.name == name]
            if mine:
                size = fmean(row.bytes for row in mine)
                reached = fmean(100 * row.accuracy for row in mine)
                panel.plot([size], [reached], mark, color=colour, label=label, linestyle="none")
        ceiling = [100 * row.accuracy for row in of_task if row.name == CEILING]
        if ceiling:
            panel.axhline(fmean(ceiling), color="black", linewidth=0.8, label="full target data")
        panel.set_xscale("log")
        panel.set_title(task)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("student's accuracy on test images, %")
    figure.supxlabel("bytes sent", fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=6, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(path, dpi=110)
