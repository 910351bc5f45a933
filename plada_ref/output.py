"""What commands print: text for people, or with ``--json`` one object on the last line.

People's text and progress bars go to standard error when ``--json`` is given, so standard output
holds the result alone.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from .compute.progress import Advance

T = TypeVar("T")

LINE_EVERY = 30.0
"""Seconds between lines of progress where there is no terminal for a bar, such as in a log file."""

KEY = 16
"""Columns of the terminal that the texts of a table's first column keep in any case."""


class Output:
    """One command's channel to its user: `plada_ref.compute.progress.Progress` on a terminal.

    Args:
        as_json: people's text goes to standard error, and `result` prints the result.
        quiet: print nothing at all, as every process of a ``torchrun`` but the first.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json and not quiet
        self.console = _console(stderr=as_json, quiet=quiet)
        self._stderr = _console(stderr=True, quiet=quiet)

    def say(self, text: str) -> None:
        """Print a line for people. `text` is printed as it is: no markup is interpreted."""
        self.console.print(text)

    def warn(self, text: str) -> None:
        """Print a warning for people on standard error."""
        self._stderr.print(f"warning: {text}", style="yellow")

    def show(self, table: Table) -> None:
        """Print a table, of which nothing is cut.

        Where the terminal is too narrow, numbers stay whole, and so do texts of the first column,
        which say what a row is of, up to `KEY` columns of the terminal; other texts are broken. If
        that is not enough, the table is wider than the terminal.
        """
        console, anything = self.console, self.console.options.update_width(sys.maxsize)
        if Measurement.get(console, anything, table).maximum > console.width:
            for column in table.columns:
                column.overflow = "fold"
                widest = max((_cells(str(cell)) for cell in column.cells), default=0)
                heading = max((_cells(word) for word in str(column.header).split()), default=0)
                if column is table.columns[0]:
                    column.width = max(min(widest, KEY), heading)
                elif column.justify == "right":
                    column.width = max(widest, heading)
            least = Measurement.get(console, anything, table).minimum
            if least > console.width:
                console = _console(stderr=console.stderr, quiet=console.quiet, width=least)
        console.print(table, soft_wrap=False)

    def listing(
        self,
        title: str,
        headings: Sequence[str],
        rows: Callable[[], Iterable[Sequence[str]]],
        *,
        right: Container[int] = (),
    ) -> None:
        """Print a table whose rows may be a million: they are printed as they come.

        Args:
            title: a line above it.
            headings: one for each column.
            rows: gives the rows, of printable text; called twice, first for the widths.
            right: columns, by number, that are aligned at the right.
        """
        if self.console.quiet:
            return
        widths = [len(heading) for heading in headings]
        for row in rows():
            widths = [max(pair) for pair in zip(widths, map(_cells, row), strict=True)]
        self.lines(title, _aligned(itertools.chain([headings], rows()), widths, right))

    def lines(self, title: str, lines: Iterable[str]) -> None:
        """Print lines, of which there may be a million, as they come below a title."""
        if self.console.quiet:
            return
        self.say("")
        self.say(title)
        for batch in batches(lines):
            self.console.file.write("".join(f"{line}\n" for line in batch))

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Advance]:
        """Show progress of `total` steps, None if unknown, while the block runs.

        On a terminal a bar with rate and remaining time; elsewhere a line now and then.
        """
        if not self._stderr.is_terminal:
            yield _Lines(description, total, self._stderr).advance
            return
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._stderr,
        )
        with bar:
            task = bar.add_task(description, total=total)
            yield lambda steps: bar.advance(task, steps)

    def result(self, value: dict[str, Any], **long: Iterable[Any]) -> None:
        """Print the command's result as the last line of standard output, with ``--json`` only.

        Args:
            value: the result.
            long: further members, lists that may be very long: they are printed as they come.
        """
        if not self.as_json:
            return
        text = _json(value)
        if long:
            sys.stdout.write(text.removesuffix("}"))
            text = "}"
        separator = ", " if value else ""
        for name, items in long.items():
            sys.stdout.write(f"{separator}{_json(name)}: [")
            for number, batch in enumerate(batches(items)):
                sys.stdout.write((", " if number else "") + _json(batch)[1:-1])
            sys.stdout.write("]")
            separator = ", "
        print(text, flush=True)


BATCH = 4096
"""Lines, or items of a list, that are printed at a time."""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield the items, `BATCH` at a time: a call for each would take longer than making it."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def _cells(text: str) -> int:
    """Return the columns of a terminal that a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def _aligned(
    rows: Iterable[Sequence[str]], widths: Sequence[int], right: Container[int]
) -> Iterator[str]:
    """Yield each row as a line whose columns have these widths."""
    for row in rows:
        cells = []
        for column, (text, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _cells(text))
            cells.append(space + text if column in right else text + space)
        yield "  ".join(cells).rstrip()


def _console(*, stderr: bool, quiet: bool, width: int | None = None) -> Console:
    """A console that prints text as it is: names may hold ``[markup]`` or ``:emoji:``."""
    return Console(
        stderr=stderr,
        quiet=quiet,
        width=width,
        highlight=False,
        soft_wrap=True,
        markup=False,
        emoji=False,
    )


class _Rate(ProgressColumn):
    """Steps per second, of the last few seconds."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{_number(speed)}/s", style="progress.data.speed")


class _Lines:
    """Progress as plain lines: done, rate, and what time is left at that rate."""

    def __init__(self, description: str, total: int | None, console: Console) -> None:
        self._description = description
        self._total = total
        self._console = console
        self._done = 0
        self._started = self._said = time.monotonic()

    def advance(self, steps: int) -> None:
        self._done += steps
        now = time.monotonic()
        if now - self._said < LINE_EVERY:
            return
        self._said = now
        rate = self._done / (now - self._started)
        of, left = "", ""
        if self._total is not None:
            of = f" of {self._total:,}"
            if rate:
                rest = timedelta(seconds=round((self._total - self._done) / rate))
                left = f", {rest} left"
        line = f"{self._description}: {self._done:,}{of}, {_number(rate)}/s{left}"
        self._console.print(line)


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2f}"
