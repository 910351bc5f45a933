"""``plada teach``: train the server's model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ..output import Output
from .exit_codes import command, resumes
from .options import model as options
from .options.common import AsJson, Seed
from .options.task import load_task


@command
@resumes
def teach(
    task: options.TaskOption,
    model: options.ModelOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the teacher.")],
    weights: options.WeightsOption = None,
    pretrained: options.PretrainedOption = False,
    split: Annotated[str, typer.Option(help="The part of the task to learn from.")] = "train",
    val_fraction: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.9,
            help="Hold out this part of every class, chosen by hash, and report the accuracy on "
            "it.",
        ),
    ] = 0.0,
    tune: options.TuneOption = "head",
    img_size: options.ImgSizeOption = None,
    via_size: options.ViaSizeOption = None,
    grey: options.GreyOption = False,
    epochs: options.EpochsOption = None,
    steps: options.StepsOption = None,
    lr: options.LrOption = None,
    batch_size: options.BatchSizeOption = 64,
    weight_decay: options.WeightDecayOption = None,
    head_decay: options.HeadDecayOption = None,
    label_smoothing: options.SmoothingOption = None,
    augment: options.AugmentOption = None,
    freeze_bn: options.FreezeBnOption = None,
    seed: Seed = 0,
    device: options.DeviceOption = "auto",
    workers: options.WorkersOption = None,
    download: options.DownloadOption = False,
    as_json: AsJson = False,
) -> None:
    """Train a teacher on a task's labelled images.

    With --tune slow or all, an interrupted run goes on after its last whole epoch when it is
    called again. If the pool's images are sharper than the task's, give --via-size the size of the
    task's images, and do not use --tune all: the teacher would take sharpness for a class.

    Example: `plada teach --task cifar10 --model tf_efficientnet_lite0 --weights lite0.safetensors
    --img-size 96 --via-size 32 --tune head -o teacher.safetensors`
    """
    options.prepare("plada teach")
    from ..compute.context import Compute
    from ..compute.device import find_device
    from ..models.spec import ModelSpec
    from ..tasks.task import hold_out
    from ..training.evaluate import evaluate
    from ..training.learn import teach as teach_model
    from ..training.recipe import recipe

    output = Output(as_json=as_json)
    started = time.monotonic()
    compute = Compute(find_device(device), workers, batch_size, output)
    settings = recipe(
        tune,
        epochs=epochs,
        steps=steps,
        lr=lr,
        batch_size=batch_size,
        weight_decay=weight_decay,
        head_decay=head_decay,
        label_smoothing=label_smoothing,
        augment=augment,
        freeze_bn=freeze_bn,
        seed=seed,
    )
    spec = ModelSpec(model, weights, pretrained, img_size, via_size, grey)
    learned = load_task(task, split, download=download, output=output)
    held = None
    if val_fraction > 0:
        learned, held = hold_out(learned, val_fraction, seed=seed)
    teacher = teach_model(
        learned,
        spec,
        settings,
        compute=compute,
        resume=out.with_name(f"{out.name}.training"),
    )
    teacher.write(out)
    accuracy = None
    if held is not None:
        accuracy = evaluate(teacher, held, compute=compute).accuracy
        output.say(f"accuracy on the held-out images: {100 * accuracy:.1f} % of {len(held):,}")
    output.say(f"teacher of {teacher.class_count} classes from {len(learned):,} images: {out}")
    output.result(
        {
            "teacher": str(out),
            "sha256": teacher.sha256,
            "model": model,
            "classes": list(teacher.class_names),
            "images": len(learned),
            "skipped": dict(learned.skipped),
            "recipe": settings.to_json(),
            "validation_images": None if held is None else len(held),
            "validation_accuracy": accuracy,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
