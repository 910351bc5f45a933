"""Load the task of ``--task``, and say what was left out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...output import Output

if TYPE_CHECKING:
    from ...tasks.task import Task


def load_task(spec: str, split: str, *, download: bool, output: Output) -> Task:
    """Load a task and print how many files were left out, by reason, as ``plada pool index`` does.

    Raises:
        PipelineError: as `plada_ref.tasks.load.load_task` does.
    """
    from ...tasks.load import load_task as load

    task = load(spec, split, download=download)
    for reason, count in task.skipped.items():
        output.say(f"skipped  {count:,} {reason} in the task's {split}")
    return task
