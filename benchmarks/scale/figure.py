"""The curve of the part `million`: the peak memory of each command as the pool grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter


def draw(figures: dict[str, Any], path: str | Path) -> None:
    """Write the figure to `path`; its suffix names the format.

    Args:
        figures: of the part `million`, as in the benchmark's JSON line.
    """
    pools = sorted((int(size), found) for size, found in figures["pools"].items())
    sizes = [size for size, _ in pools]
    figure = Figure(figsize=(7.2, 3.8))
    axes = figure.subplots()
    curves: dict[str, list[float]] = {
        command: [found["commands"][command]["peak_mb"] for _, found in pools]
        for command in pools[0][1]["commands"]
    }
    shifts = _shifts({command: peaks[-1] for command, peaks in curves.items()})
    for command, peaks in curves.items():
        (line,) = axes.plot(sizes, peaks, marker="o", markersize=4, linewidth=1.5)
        growth = (peaks[-1] - peaks[0]) * 1e6 / max(1, sizes[-1] - sizes[0])
        axes.annotate(
            f"{command}: {growth:+.0f} bytes an image",
            (sizes[-1], peaks[-1]),
            xytext=(8, shifts[command]),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=line.get_color(),
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("images in the pool", fontsize=9)
    axes.set_ylabel("peak memory of the largest process, MB", fontsize=9)
    axes.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def _shifts(peaks: dict[str, float]) -> dict[str, float]:
    """Points by which the words of lines that end at `peaks` move up to stand one over another."""
    points = _AXES_POINTS / max(peaks.values())
    shifts, free = {}, 0.0
    for command, peak in sorted(peaks.items(), key=lambda each: each[1]):
        height = max(points * peak, free)
        shifts[command] = height - points * peak
        free = height + _WORDS_POINTS
    return shifts


_AXES_POINTS, _WORDS_POINTS = 220, 11
"""About how high the axes, and a line of words, are."""
