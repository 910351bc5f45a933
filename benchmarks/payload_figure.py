"""A figure of `payload_size`: each encoding's bytes over the paper's, one panel per keep rate."""

from __future__ import annotations

import os

from matplotlib.figure import Figure

from . import own
from .payload_result import Result

WORTH_DRAWING = 2.0
"""Encodings of more than this multiple of the paper's bytes would squeeze the others together."""


def draw(result: Result, path: str | os.PathLike[str]) -> None:
    """Write the figure to `path`; its suffix names the format."""
    names = [
        name
        for name in reversed(result.encodings)
        if all(result.mean_ratio(name, rate) <= WORTH_DRAWING for rate in result.rates)
    ]
    figure = Figure(figsize=(2.2 + 2.2 * len(result.rates), 0.8 + 0.28 * len(names)))
    panels = figure.subplots(1, len(result.rates), sharey=True, squeeze=False)[0]
    colours = ["tab:blue" if name in own.FORMS else "silver" for name in names]
    for panel, rate in zip(panels, result.rates, strict=True):
        ratios = [result.mean_ratio(name, rate) for name in names]
        bars = panel.barh(names, ratios, color=colours)
        panel.bar_label(bars, fmt="%.2f", label_type="center", fontsize=8)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set_xlim(0, max(ratios) * 1.05)
        panel.set_title(f"{rate:.1%} kept")
        panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("bytes over those of the paper's better Zstd-19 encoding", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
