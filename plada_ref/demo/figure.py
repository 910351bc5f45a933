"""The demo's picture: what each class's best pool images look like, and what bytes buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 2  # pixels between images of the mosaic
_GAP_SHADE = 70
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "D", "^")


@dataclass(frozen=True)
class Point:
    """One selection in the picture of accuracy against bytes.

    Attributes:
        name: the selection, without its keep rate.
        keep_rate: part of the pool that was kept, 0 to 1.
        payload_bytes: size of the whole payload.
        accuracy: of the student on test images, percent.
        recommended: whether it is the one that the demo recommends.
    """

    name: str
    keep_rate: float
    payload_bytes: int
    accuracy: float
    recommended: bool = False


def draw(
    path: Path,
    *,
    classes: Sequence[str],
    best: Sequence[Sequence[npt.NDArray[np.uint8]]],
    points: Sequence[Point],
    teacher_accuracy: float,
) -> None:
    """Write the picture to `path`, as PNG.

    Args:
        path: the file; replaced when it exists.
        classes: name of each class, one row of images each.
        best: for each class its highest-ranked pool images, greyscale of shape (H, W), the best
            first. Rows may be shorter than others or empty.
        points: the selections.
        teacher_accuracy: percent on test images, drawn as a line.
    """
    # Not pyplot: it would look for a display and keep the figure for ever.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_best(left, classes, best)
    _draw_points(right, points, teacher_accuracy)
    # Without matplotlib's version the same numbers give the same bytes more often.
    figure.savefig(path, format="png", metadata={"Software": None})


def mosaic(best: Sequence[Sequence[npt.NDArray[np.uint8]]]) -> npt.NDArray[np.uint8]:
    """The images in rows and columns on a grey ground, uint8 of shape (rows, columns in pixels)."""
    images = [image for row in best for image in row]
    height, width = images[0].shape if images else (1, 1)
    columns = max((len(row) for row in best), default=1)
    shape = (len(best) * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP)
    ground = np.full((max(shape[0], 1), max(shape[1], 1)), _GAP_SHADE, dtype=np.uint8)
    for r, row in enumerate(best):
        for c, image in enumerate(row):
            top, left = r * (height + _GAP), c * (width + _GAP)
            ground[top : top + height, left : left + width] = image
    return ground


def _draw_best(
    axes: Axes, classes: Sequence[str], best: Sequence[Sequence[npt.NDArray[np.uint8]]]
) -> None:
    picture = mosaic(best)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    step = (picture.shape[0] + _GAP) / max(len(classes), 1)
    axes.set_yticks([(row + 0.5) * step - _GAP / 2 - 0.5 for row in range(len(classes))], classes)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_ylabel("pseudo-label")
    axes.set_title("The pool images that the teacher ranks highest, per class", fontsize=11)


def _draw_points(axes: Axes, points: Sequence[Point], teacher_accuracy: float) -> None:
    names = list(dict.fromkeys(point.name for point in points))
    rates = sorted({point.keep_rate for point in points}, reverse=True)
    axes.axhline(teacher_accuracy, color="0.4", linestyle="--", linewidth=1)
    axes.annotate(
        f"teacher {teacher_accuracy:.1f} %",
        (0.01, teacher_accuracy),
        xycoords=("axes fraction", "data"),
        xytext=(0, -11),
        textcoords="offset points",
        fontsize=8,
        color="0.3",
    )
    for name in names:
        colour = _COLOURS[names.index(name) % len(_COLOURS)]
        series = sorted(
            (point for point in points if point.name == name), key=lambda p: p.payload_bytes
        )
        axes.plot(
            [point.payload_bytes for point in series],
            [point.accuracy for point in series],
            color=colour,
            linewidth=1,
            alpha=0.5,
        )
        for point in series:
            axes.scatter(
                point.payload_bytes,
                point.accuracy,
                color=colour,
                marker=_MARKERS[rates.index(point.keep_rate) % len(_MARKERS)],
                s=45,
                zorder=3,
            )
        axes.scatter([], [], color=colour, label=name)
    for point in points:
        if point.recommended:
            axes.scatter(
                point.payload_bytes,
                point.accuracy,
                facecolors="none",
                edgecolors="black",
                s=190,
                zorder=4,
                label="recommended, chosen on validation images",
            )
    for marker, rate in zip(_MARKERS, rates, strict=False):
        axes.scatter([], [], color="0.4", marker=marker, label=f"{100 * rate:g} % of the pool kept")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 102)
    axes.set_xlabel("payload, bytes")
    axes.set_ylabel("student's test accuracy, %")
    axes.set_title("What the student learns from how many bytes", fontsize=11)
    if points:
        axes.legend(fontsize=8, loc="lower right")
    axes.grid(alpha=0.25)
