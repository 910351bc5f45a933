"""``plada transfer``: from a task and a pool to trained students, in one command."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..optional import need
from ..output import Output
from .exit_codes import command, resumes
from .options import model as options
from .options.common import AsJson, Seed
from .options.task import load_task
from .prune import AUTO

if TYPE_CHECKING:
    from ..runs.transfer import Outcome

_SELECTIONS = ["low-energy", "safety-net", "random"]


@command
@resumes
def transfer(
    task: options.TaskOption,
    manifest: options.ManifestOption,
    pool: options.PoolOption,
    model: options.ModelOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything it makes.")],
    keep_rate: Annotated[
        list[float] | None,
        typer.Option(
            help="Kept images / pool size; 0.01 keeps 1 %. May be repeated. Default, without a "
            "--budget: 0.1 and 0.01."
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="Bytes of the whole .plada file, such as 800 or 2KB: what fits is kept. May be "
            "repeated."
        ),
    ] = None,
    dense: Annotated[bool, typer.Option("--dense", help="Encode payloads densely.")] = False,
    unnamed: Annotated[
        bool, typer.Option("--unnamed", help="Leave the class names out; they cost bytes.")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="SELECTION",
            help="A ranking as for plada prune --by, safety-net (low energy with half of the "
            "images in equal class quotas), RANKING+safety-net:alpha=A,share=S, or auto: whichever "
            "teaches best within a --budget. May be repeated. Default: low-energy, safety-net and "
            "random, and auto with a --budget.",
        ),
    ] = None,
    weights: options.WeightsOption = None,
    pretrained: options.PretrainedOption = False,
    tune: options.TuneOption = "head",
    student_model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The student's model; the teacher's by default."),
    ] = None,
    student_weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The student's weights; with another model only."),
    ] = None,
    student_tune: Annotated[
        str | None, typer.Option(help="The student's --tune; the teacher's by default.")
    ] = None,
    img_size: options.ImgSizeOption = None,
    via_size: options.ViaSizeOption = None,
    grey: options.GreyOption = False,
    split: Annotated[str, typer.Option(help="The part of the task to learn from.")] = "train",
    test_split: Annotated[str, typer.Option(help="The part of the task to compare on.")] = "test",
    epochs: options.EpochsOption = None,
    student_epochs: Annotated[
        int | None, typer.Option(help="The student's --epochs; the teacher's by default.")
    ] = None,
    lr: options.LrOption = None,
    batch_size: options.BatchSizeOption = 64,
    label_smoothing: options.SmoothingOption = None,
    augment: options.AugmentOption = None,
    leakage: Annotated[
        bool,
        typer.Option(
            help="Look for the test images in the pool: a student may have learned from them."
        ),
    ] = True,
    seed: Seed = 0,
    device: options.DeviceOption = "auto",
    workers: options.WorkersOption = None,
    download: options.DownloadOption = False,
    as_json: AsJson = False,
) -> None:
    """Teach, label, and for each selection prune, encode, decode, train and evaluate.

    The pool is labelled once, for all selections. An interrupted transfer goes on where it stopped
    when it is called again with the same folder; more selections and keep rates can be added so.

    Example: `plada transfer --task cifar10 -m pool.parquet --pool 'shards/*.tar' --model
    tf_efficientnet_lite0 --weights lite0.safetensors --img-size 96 --via-size 32 -o run`
    """
    options.prepare("plada transfer")
    if leakage:
        need("imagehash", extra="ref", for_="plada transfer --leakage")
    from ..compute.context import Compute
    from ..compute.device import find_device
    from ..models.spec import ModelSpec
    from ..runs.transfer import Plan
    from ..runs.transfer import transfer as carry_out
    from ..selection import parse
    from ..selection.budget import parse_bytes
    from ..training.recipe import recipe

    output = Output(as_json=as_json)
    started = time.monotonic()
    teacher = ModelSpec(model, weights, pretrained, img_size, via_size, grey)
    student = teacher
    if student_model is not None:
        student = ModelSpec(student_model, student_weights, pretrained, img_size, via_size, grey)
    settings: dict[str, Any] = {
        "lr": lr,
        "batch_size": batch_size,
        "label_smoothing": label_smoothing,
        "augment": augment,
        "seed": seed,
    }
    plan = Plan(
        teacher=teacher,
        student=student,
        teach_recipe=recipe(tune, epochs=epochs, **settings),
        train_recipe=recipe(student_tune or tune, epochs=student_epochs or epochs, **settings),
        selections=tuple(
            None if text == AUTO else parse(text, seed=seed)
            for text in select or [*_SELECTIONS, *([AUTO] if budget else [])]
        ),
        keep_rates=tuple(keep_rate or (() if budget else (0.1, 0.01))),
        budgets=tuple(parse_bytes(text) for text in budget or ()),
        dense=dense,
        named=not unnamed,
        leakage=leakage,
    )
    learned = load_task(task, split, download=download, output=output)
    tested = load_task(task, test_split, download=download, output=output)
    outcome = carry_out(
        plan,
        learned,
        tested,
        options.open_whole_pool(manifest, pool),
        out,
        compute=Compute(find_device(device), workers, progress=output),
    )
    _show(output, outcome)
    output.result(
        {
            "teacher_accuracy": _percent(outcome.teacher_accuracy),
            "pseudo_labels_per_class": outcome.pseudo_labels,
            "selections": [
                asdict(row)
                | {
                    "student_accuracy": _percent(row.student_accuracy),
                    "of_teacher": _percent(row.student_accuracy / outcome.teacher_accuracy),
                }
                for row in outcome.rows
            ],
            "leakage": outcome.leakage,
            "skipped": dict(learned.skipped),
            "test_skipped": dict(tested.skipped),
            "stages": outcome.seconds,
            "out": str(out),
            "seconds": round(time.monotonic() - started, 1),
        }
    )


def _percent(value: float) -> float:
    return round(100 * value, 2)


def _show(output: Output, outcome: Outcome) -> None:
    table = Table(title="Students", title_justify="left")
    table.add_column("selection")
    for heading in ("keep rate", "kept", "payload bytes", "accuracy", "of the teacher's"):
        table.add_column(heading, justify="right")
    table.add_column("vanished classes")
    for row in outcome.rows:
        table.add_row(
            Text(row.selection),
            f"{100 * row.keep_rate:g} %",
            f"{row.kept:,}",
            f"{row.payload_bytes:,}",
            f"{100 * row.student_accuracy:.2f} %",
            f"{100 * row.student_accuracy / outcome.teacher_accuracy:.1f} %",
            Text(for_terminal(", ".join(row.vanished))),
        )
    output.show(table)
