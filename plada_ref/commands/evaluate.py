"""``plada evaluate``: how often a teacher or student is right."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..output import Output
from .exit_codes import command
from .options.address import readable
from .options.common import AsJson, Seed
from .options.compute import BatchedComputeOptions, prepare
from .options.task import TaskOptions

if TYPE_CHECKING:
    from ..training.evaluate import Evaluation

_SHOWN_CLASSES = 30


@command
def evaluate(
    *,
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A model by plada teach or plada train.",
            show_default=False,
            parser=readable(),
        ),
    ],
    task: TaskOptions,
    split: Annotated[str, typer.Option(help="The part of the task to evaluate on.")] = "test",
    machine: BatchedComputeOptions,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Compare a teacher or student with a task's labels.

    Reports top-1 accuracy, the accuracy of each class and the confusion counts. Nothing here is
    random; --seed is accepted and changes nothing.

    Example: `plada evaluate student.safetensors --task cifar10 --split test`
    """
    prepare("plada evaluate")
    from ..models.checkpoint import Checkpoint
    from ..training.evaluate import evaluate as evaluate_model

    output = Output(as_json=as_json)
    started = time.monotonic()
    tested = task.load(split, output)
    found = evaluate_model(
        Checkpoint.read(model),
        tested,
        compute=machine.compute(output),
    )
    _show(output, found)
    output.result(
        {
            "accuracy": found.accuracy,
            "images": found.images,
            "skipped": dict(tested.skipped),
            "classes": list(found.classes),
            # JSON has no NaN: a class without images has no accuracy.
            "per_class": [None if value != value else value for value in found.per_class.tolist()],
            "confusion": found.confusion.tolist(),
            "seconds": round(time.monotonic() - started, 3),
        }
    )


def _show(output: Output, found: Evaluation) -> None:
    shown = Table(title="Accuracy per class", title_justify="left")
    shown.add_column("class")
    for heading in ("images", "right", "accuracy"):
        shown.add_column(heading, justify="right")
    counts, right = found.confusion.sum(axis=1), found.confusion.diagonal()
    for number, name in enumerate(found.classes[:_SHOWN_CLASSES]):
        value = f"{100 * found.per_class[number]:.1f} %" if counts[number] else "-"
        shown.add_row(Text(for_terminal(name)), f"{counts[number]:,}", f"{right[number]:,}", value)
    output.show(shown)
    if len(found.classes) > _SHOWN_CLASSES:
        output.say(f"... and {len(found.classes) - _SHOWN_CLASSES:,} more classes")
    output.say(f"accuracy: {100 * found.accuracy:.2f} % of {found.images:,} images")
