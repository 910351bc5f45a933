"""``plada teach``: train the server's model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from ..output import Output
from .exit_codes import command, resumes
from .options.common import AsJson
from .options.compute import ComputeOptions, prepare
from .options.held_out import Heard, ValFractionOption, part_held_out
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
    val_fraction: ValFractionOption = None,
    machine: ComputeOptions,
    as_json: AsJson = False,
) -> None:
    """Train a teacher on a task's labelled images.

    Reports the accuracy on a tenth of them that is held out. With --tune head, what is written is
    then fitted to all of them.

    With --tune slow or all, an interrupted run goes on after its last whole epoch when it is
    called again. If the pool's images are sharper than the task's, give --via-size the size of the
    task's images, and do not use --tune all: the teacher would take sharpness for a class.

    Example: `plada teach --task cifar10 --model tf_efficientnet_lite0 --weights lite0.safetensors
    --img-size 96 --via-size 32 --tune head -o teacher.safetensors`
    """
    prepare("plada teach")
    from ..tasks.task import hold_out
    from ..training.evaluate import evaluate
    from ..training.held_out import HeldOut, rows_to_hold_out
    from ..training.learn import teach as teach_model

    output = Output(as_json=as_json)
    started = time.monotonic()
    compute = machine.compute(output, batch_size=training.batch_size)
    recipe = training.recipe()
    learned = task.load(split, output)
    held, found = None, Heard()
    part = part_held_out(val_fraction, recipe)
    few = not rows_to_hold_out(learned.labels, learned.keys, seed=training.seed).any()
    # Who asks for a part gets it or an error.
    if part and not (few and val_fraction is None):
        learned, held = hold_out(learned, part, seed=training.seed)
    with standing(out) as file:
        teacher = teach_model(
            learned,
            training.spec(),
            recipe,
            compute=compute,
            resume=file.with_name(f"{file.name}.training"),
            measure=found if val_fraction is None else None,
        )
        teacher.write(file)
    if held is not None:
        found(HeldOut(evaluate(teacher, held, compute=compute).accuracy, len(held)))
    found.tell(output, val_fraction, "images")
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
            "seconds": round(time.monotonic() - started, 3),
        }
        | found.facts()
    )
