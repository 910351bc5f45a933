"""What commands print: text for people, or with ``--json`` one object on the last line.

People's text and progress bars go to standard error when ``--json`` is given, so standard output
holds the result alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Advance = Callable[[int], None]
"""Called with the number of steps just done."""


class Output:
    """One command's channel to its user.

    Long-running functions of plada_ref take an `Output` (or any object with `say`, `warn` and
    `progress`) and never print by themselves.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = Console(stderr=as_json, highlight=False, soft_wrap=True)
        self._stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line for people. `text` is printed as it is: no markup is interpreted."""
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Print a warning for people on standard error."""
        self._stderr.print(f"warning: {text}", markup=False, style="yellow")

    def show(self, renderable: Any) -> None:
        """Print a rich renderable, such as a table."""
        self.console.print(renderable)

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Advance]:
        """Show a progress bar of `total` steps, None if unknown, while the block runs."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._stderr,
            disable=not self._stderr.is_terminal,
        )
        with bar:
            task = bar.add_task(description, total=total)
            yield lambda steps: bar.advance(task, steps)

    def result(self, value: dict[str, Any]) -> None:
        """Print the command's result as the last line of standard output, with ``--json`` only."""
        if self.as_json:
            print(json.dumps(value, ensure_ascii=True, allow_nan=False), flush=True)
