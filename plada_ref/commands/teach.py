"""``plada teach``: train the server's model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ..output import Output
from .exit_codes import command, resumes
from .options.common import AsJson
from .options.compute import ComputeOptions, prepare
from .options.out import named, out_option, standing
from .options.task import LearnedSplitOption, TaskOptions
from .options.training import TrainingOptions


@command
@resumes
def teach(
    *,
    task: TaskOptions,
    training: TrainingOptions,
    out: Annotated[Path, out_option("Where to write the teacher")],
    split: LearnedSplitOption = "train",
    val_fraction: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.9,
            help="Hold out this part of every class, chosen by hash, and report the accuracy on "
            "it.",
        ),
    ] = 0.0,
    machine: ComputeOptions,
    as_json: AsJson = False,
) -> None:
    """Train a teacher on a task's labelled images.

    With --tune slow or all, an interrupted run goes on after its last whole epoch when it is
    called again. If the pool's images are sharper than the task's, give --via-size the size of the
    task's images, and do not use --tune all: the teacher would take sharpness for a class.

    Example: `plada teach --task cifar10 --model tf_efficientnet_lite0 --weights lite0.safetensors
    --img-size 96 --via-size 32 --tune head -o teacher.safetensors`
    """
    prepare("plada teach")
    from ..tasks.task import hold_out
    from ..training.evaluate import evaluate
    from ..training.learn import teach as teach_model

    output = Output(as_json=as_json)
    started = time.monotonic()
    compute = machine.compute(output, batch_size=training.batch_size)
    recipe = training.recipe()
    learned = task.load(split, output)
    held = None
    if val_fraction > 0:
        learned, held = hold_out(learned, val_fraction, seed=training.seed)
    with standing(out) as file:
        teacher = teach_model(
            learned,
            training.spec(),
            recipe,
            compute=compute,
            resume=file.with_name(f"{file.name}.training"),
        )
        teacher.write(file)
    accuracy = None
    if held is not None:
        accuracy = evaluate(teacher, held, compute=compute).accuracy
        output.say(f"accuracy on the held-out images: {100 * accuracy:.1f} % of {len(held):,}")
    count = teacher.class_count
    output.say(f"teacher of {count} classes from {len(learned):,} images: {named(out)}")
    output.result(
        {
            "teacher": named(out),
            "sha256": teacher.sha256,
            "model": training.model,
            "classes": list(teacher.class_names),
            "images": len(learned),
            "skipped": dict(learned.skipped),
            "recipe": recipe.to_json(),
            "validation_images": None if held is None else len(held),
            "validation_accuracy": accuracy,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
