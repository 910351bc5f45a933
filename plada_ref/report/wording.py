"""How the page writes numbers and names of things."""

from __future__ import annotations

from ..runs.records import StudentRecord


def percent(value: float, places: int = 2) -> str:
    """A fraction from 0 to 1 as percent: ``80.57 %``."""
    return f"{100 * value:.{places}f} %"


def rate(value: float) -> str:
    """A keep rate as percent, to three digits: ``0.5 %``."""
    return f"{100 * value:.3g} %"


def size(number: int) -> str:
    """A round number of bytes for an axis: ``500 B``, ``20 KB`` (1 KB is 1,000 bytes)."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if number >= unit:
            return f"{number / unit:g} {name}"
    return f"{number} B"


def duration(seconds: float | None) -> str:
    """Seconds for a table; empty if they are not known."""
    return "" if seconds is None else f"{seconds:,.1f} s"


def title(student: StudentRecord) -> str:
    """What a student's payload is called: selection, and keep rate or budget."""
    if student.budget is not None:
        return f"{student.selection}, within {student.budget:,} bytes"
    return f"{student.selection}, {rate(student.keep_rate)}"


def some(names: tuple[str, ...] | list[str], most: int = 12) -> str:
    """The names after each other, and how many more there are beyond `most`."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def count(number: int, noun: str) -> str:
    """A number of things: ``1 payload``, ``1,200 payloads``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
