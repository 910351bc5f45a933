"""The first screen: what was transferred, how well, and every result as a table."""

from __future__ import annotations

from ..runs.records import Baseline
from ..runs.run import Run, Student
from .chart import chart
from .markup import Html, element
from .payloads import SHOWN
from .table import table
from .wording import count, duration, percent, rate, some, title

_DETAILS = 8
"""Facts about a baseline that are shown at most."""


def heading(run: Run) -> str:
    """The page's title."""
    return f"A task in kilobytes: {run.plan.task}" if run.plan else "A task in kilobytes"


def overview(run: Run) -> Html:
    """Return the heading and the figures that matter most."""
    sizes = [student.record.payload_bytes for student in run.students]
    accuracies = [student.record.accuracy for student in run.students]
    tiles = []
    if run.teacher_accuracy is not None:
        tiles.append(_tile(percent(run.teacher_accuracy, 1), "teacher, on the test images"))
    tiles.append(
        _tile(
            _range(percent(min(accuracies), 1), percent(max(accuracies), 1)),
            f"{count(len(run.students), 'student')}, on the same images",
        )
    )
    tiles.append(_tile(_range(f"{min(sizes):,}", f"{max(sizes):,}"), "bytes for each student"))
    if run.scores is not None:
        tiles.append(_tile(f"{len(run.scores):,}", "pool images, none of them sent"))
    return element(
        "header",
        element("p", "plada report", class_="brand"),
        element("h1", heading(run)),
        element("p", _story(run), class_="story"),
        element("ul", *tiles, class_="tiles"),
    )


def results(run: Run) -> Html:
    """Return the section of the chart and of the tables with its numbers."""
    return element(
        "section",
        element("h2", "Accuracy against bytes"),
        chart(run),
        table(
            "Students",
            (
                "selection",
                "keep rate#",
                "kept#",
                "bytes#",
                "test accuracy#",
                "of teacher's#",
                "classes lost",
                "time#",
            ),
            [_student(student, run) for student in run.students],
        ),
        _baselines(run),
    )


def _story(run: Run) -> str:
    teacher, test = "A teacher", ""
    if run.plan is not None:
        model, images = run.plan.settings.teacher.model, run.plan.learn_from[1]
        teacher = f"A teacher ({model}) learned the task from {images:,} labelled images and"
        test = f" Accuracy is that on {run.plan.test[1]:,} test images."
    pool = "the images" if run.scores is None else f"the {len(run.scores):,} images"
    return (
        f"{teacher} labelled {pool} of a pool that every client has already. A payload says which "
        "of them to keep and which class each one is; a student learned from each payload and the "
        f"pool, and from nothing else.{test}"
    )


def _range(least: str, most: str) -> str:
    return most if least == most else f"{least.removesuffix(' %')} – {most}"


def _tile(value: str, what: str) -> Html:
    return element("li", element("strong", value), " ", what)


def _student(student: Student, run: Run) -> list[str]:
    record = student.record
    name: str = record.selection
    shown = [one for one, _ in run.payloads[:SHOWN]]
    if student in shown:
        name = element("a", name, href=f"#payload-{shown.index(student) + 1}", title=title(record))
    return [
        name,
        rate(record.keep_rate),
        f"{record.kept:,}",
        f"{record.payload_bytes:,}",
        percent(record.accuracy),
        _relative(record.accuracy, run),
        some(record.vanished),
        duration(record.seconds),
    ]


def _baselines(run: Run) -> Html:
    if not run.baselines:
        return element(
            "p",
            "No baseline has been measured here. ",
            element("code", "plada baselines"),
            " finds what else could be sent, and what it would reach.",
            class_="soft",
        )
    return table(
        "Baselines",
        ("baseline", "bytes#", "test accuracy#", "of teacher's#", "details", "time#"),
        [
            [
                row.name,
                f"{row.bytes:,}",
                percent(row.accuracy),
                _relative(row.accuracy, run),
                some(_details(row), _DETAILS),
                duration(row.seconds),
            ]
            for row in run.baselines
        ],
    )


def _details(row: Baseline) -> list[str]:
    return [
        f"{key.replace('_', ' ')} {f'{value:.4g}' if type(value) is float else value}"
        for key, value in row.details.items()
    ]


def _relative(accuracy: float, run: Run) -> str:
    return percent(accuracy / run.teacher_accuracy, 1) if run.teacher_accuracy else ""
