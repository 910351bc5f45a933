"""Accuracy against bytes, as SVG that needs no script and fits any width.

All coordinates are percentages of the picture's width and height, while marks and letters have
sizes in pixels: the same picture is as readable on a phone as on a screen. Colours are the page's,
so that it follows the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..runs.run import Run, Student
from .markup import Html, element, join
from .scale import BOTTOM, TOP, Scale
from .wording import count, percent, size, title

SHAPES = (
    "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0z",  # disc
    "M-5 -5H5V5H-5z",  # square
    "M0 -7L7 0L0 7L-7 0z",  # diamond
    "M0 -6.5L6.5 5H-6.5z",  # triangle
    "M0 6.5L6.5 -5H-6.5z",  # triangle upside down
    "M-2 -6H2V-2H6V2H2V6H-2V2H-6V-2H-2z",  # cross
    "M0 -6.5L6.2 -2L3.8 5.3H-3.8L-6.2 -2z",  # pentagon
    "M-6 -5H6L0 0L6 5H-6L0 0z",  # hourglass
)
"""Outlines of marks around (0, 0), about 12 pixels wide: a series is known by more than colour."""


Point = tuple[int, float, str]
"""Bytes, accuracy from 0 to 1, and what a mark is of."""


@dataclass(frozen=True)
class Series:
    """Points of one kind.

    Attributes:
        name: for the legend.
        look: class of the marks: ``s0`` to ``s7`` for students, ``baseline`` for baselines.
        shape: number in `SHAPES`.
        points: by rising bytes, if they are joined.
    """

    name: str
    look: str
    shape: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Level:
    """An accuracy that has no place among the bytes, drawn as a line."""

    name: str
    accuracy: float


def chart(run: Run) -> Html:
    """Return the figure: students and baselines as marks, teacher and ceiling as lines."""
    students, baselines, levels = _students(run), _baselines(run), _levels(run)
    series = [*students, *baselines]
    points = [point for one in series for point in one.points]
    scale = Scale.around(
        [point[0] for point in points],
        [point[1] for point in points] + [level.accuracy for level in levels],
    )
    picture = element(
        "svg",
        element("title", "Test accuracy against bytes"),
        *_grid(scale),
        *_lines(levels, points, scale),
        *(_path(one, scale) for one in students),
        # Students last: they are what the page is about.
        *(_marks(one, scale) for one in (*baselines, *students)),
        class_="chart",
        role="img",
        width="100%",
        height="100%",
    )
    return element(
        "figure",
        element("p", "Test accuracy", class_="axis"),
        element("div", picture, class_="plot"),
        element("p", "Bytes sent (logarithmic)", class_="axis end"),
        element(
            "figcaption",
            _legend("Students, by selection", students),
            _legend("Baselines", baselines),
            f"{count(len(points), 'mark')}; the tables below hold the same numbers.",
        ),
    )


def _students(run: Run) -> list[Series]:
    names = list(dict.fromkeys(_series_of(student) for student in run.students))
    return [
        Series(
            name,
            f"s{number % len(SHAPES)}",
            number % len(SHAPES),
            tuple(
                sorted(
                    (
                        student.record.payload_bytes,
                        student.record.accuracy,
                        title(student.record),
                    )
                    for student in run.students
                    if _series_of(student) == name
                )
            ),
        )
        for number, name in enumerate(names)
    ]


def _series_of(student: Student) -> str:
    """The name of the line that a student is on: its selection, or the automatic selection."""
    return "automatic selection" if student.record.chosen else student.record.selection


def _baselines(run: Run) -> list[Series]:
    # Rows of one baseline, such as images-random with 100 and with 500 images, share a mark.
    shown = [row for row in run.baselines if not row.is_line]
    return [
        Series(
            next(row.name for row in shown if row.key == key),
            "baseline",
            number % len(SHAPES),
            tuple((row.bytes, row.accuracy, row.name) for row in shown if row.key == key),
        )
        for number, key in enumerate(dict.fromkeys(row.key for row in shown))
    ]


def _levels(run: Run) -> list[Level]:
    levels = [Level(row.name, row.accuracy) for row in run.baselines if row.is_line]
    if run.teacher_accuracy is not None:
        levels.append(Level("Teacher", run.teacher_accuracy))
    return sorted(levels, key=lambda level: -level.accuracy)


def _grid(scale: Scale) -> list[Html]:
    parts = []
    for value in scale.accuracies():
        y = scale.y(value)
        parts.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        parts.append(
            element("text", f"{100 * value:.0f} %", x="0", y=y, dx=-8, dy=4, class_="tick left")
        )
    for number in scale.sizes():
        x = scale.x(number)
        parts.append(element("line", x1=x, x2=x, y1=f"{TOP}%", y2=f"{BOTTOM}%", class_="grid"))
        parts.append(element("text", size(number), x=x, y=f"{BOTTOM}%", dy=20, class_="tick"))
    return parts


def _lines(levels: Sequence[Level], points: Sequence[Point], scale: Scale) -> list[Html]:
    """The levels from the highest down; the first has its name above, the others below.

    The names are written where the lines have the most room between marks.
    """
    near = [
        scale.across(sent)
        for sent, accuracy, _ in points
        if any(scale.near(accuracy, level.accuracy) for level in levels)
    ]
    start, end = max(pairwise(sorted([0, 100, *near])), key=lambda gap: gap[1] - gap[0])
    parts = []
    for number, level in enumerate(levels):
        y = scale.y(level.accuracy)
        parts.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="level"))
        parts.append(
            element(
                "text",
                f"{level.name} {percent(level.accuracy)}",
                x=f"{(start + end) / 2:.2f}%",
                y=y,
                dy=14 if number else -6,
                class_="level-name",
            )
        )
    return parts


def _path(series: Series, scale: Scale) -> Html:
    """Lines between the points of a series; `polyline` knows no percentages."""
    return join(
        element(
            "line",
            x1=scale.x(one[0]),
            y1=scale.y(one[1]),
            x2=scale.x(other[0]),
            y2=scale.y(other[1]),
            class_=f"path {series.look}",
        )
        for one, other in pairwise(series.points)
    )


def _marks(series: Series, scale: Scale) -> Html:
    return join(
        element(
            "svg",
            element("path", d=SHAPES[series.shape]),
            element("title", f"{name}: {percent(accuracy)}, {sent:,} bytes"),
            x=scale.x(sent),
            y=scale.y(accuracy),
            class_=f"mark {series.look}",
        )
        for sent, accuracy, name in series.points
    )


def _legend(heading: str, series: Sequence[Series]) -> Html:
    if not series:
        return Html()
    items = [
        element(
            "li",
            element(
                "svg",
                element("path", d=SHAPES[one.shape]),
                class_=f"key {one.look}",
                viewBox="-8 -8 16 16",
                aria_hidden="true",
            ),
            one.name,
        )
        for one in series
    ]
    return element("div", element("strong", heading), element("ul", *items), class_="legend")
