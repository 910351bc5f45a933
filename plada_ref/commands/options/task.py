"""Options that name a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

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


@dataclass(frozen=True, kw_only=True)
class TaskOptions(OptionGroup):
    """A task, any part of which can be loaded."""

    task: TaskOption
    download: DownloadOption = False

    def load(self, split: str) -> Task:
        """Return the labelled images of a part of the task, such as ``"train"``.

        Raises:
            PipelineError, Misuse: if they cannot be found or read.
        """
        from ...tasks.load import load_task

        return load_task(self.task, split, download=self.download)


@dataclass(frozen=True, kw_only=True)
class SplitTaskOptions(TaskOptions):
    """A task with the part to learn from and the part to compare on."""

    split: LearnedSplitOption = "train"
    test_split: Annotated[str, typer.Option(help="The part of the task to compare on.")] = "test"
