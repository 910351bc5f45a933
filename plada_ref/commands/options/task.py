"""Options that name a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from pladafmt.text import printable

from ...compute.progress import Progress
from ...output import Output
from .group import OptionGroup

if TYPE_CHECKING:
    from ...tasks.task import Task

TaskOption = Annotated[
    str,
    typer.Option(
        "--task",
        metavar="SPEC",
        help="Labelled images: NAME:ROOT, a known set such as cifar10 in the folder ROOT (NAME "
        "alone: in $PLADA_DATA; docs/tasks.md lists the names); a directory with SPLIT/CLASS/image "
        "or SPLIT.tar (members CLASS/image); a .tar file; torchvision:NAME:ROOT; "
        "medmnist:FLAG:ROOT.",
        show_default=False,
    ),
]
LearnedSplitOption = Annotated[str, typer.Option(help="The part of the task to learn from.")]
DownloadOption = Annotated[
    bool, typer.Option("--download", help="Let torchvision or medmnist fetch a missing set.")
]


def load_shown(spec: str, split: str, *, download: bool, progress: Progress) -> Task:
    """Load a part of a task, and print what is odd in it, and how many files were left out.

    Raises:
        PipelineError, Misuse: as `plada_ref.tasks.load.load_task` does.
    """
    from ...tasks.load import load_task

    task = load_task(spec, split, download=download)
    for sentence in task.warnings:
        progress.warn(printable(sentence))
    for reason, count in task.skipped.items():
        progress.say(f"skipped  {count:,} {reason} in the task's {split}")
    return task


@dataclass(frozen=True, kw_only=True)
class TaskOptions(OptionGroup):
    """A task, any part of which can be loaded."""

    panel = "Task"

    task: TaskOption
    download: DownloadOption = False

    def load(self, split: str, output: Output) -> Task:
        """Return the labelled images of a part of the task, such as ``"train"``.

        How many files were left out is printed, by reason, as ``plada pool index`` does.

        Raises:
            PipelineError, Misuse: if they cannot be found or read.
        """
        return load_shown(self.task, split, download=self.download, progress=output)


@dataclass(frozen=True, kw_only=True)
class SplitTaskOptions(TaskOptions):
    """A task with the part to learn from and the part to compare on."""

    split: LearnedSplitOption = "train"
    test_split: Annotated[str, typer.Option(help="The part of the task to compare on.")] = "test"
