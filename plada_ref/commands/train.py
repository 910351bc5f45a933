"""``plada train``: the client's student, from a payload and the client's own pool."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from ..output import Output
from .exit_codes import command, resumes
from .options import model as options
from .options.common import AsJson, LimitOptions, PayloadFile, Seed, limits_from
from .options.signature import SignedByOption, load_required
from .options.task import load_task


@command
@resumes
def train(
    payload: PayloadFile,
    manifest: options.ManifestOption,
    pool: options.PoolOption,
    model: options.ModelOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the student.")],
    weights: options.WeightsOption = None,
    pretrained: options.PretrainedOption = False,
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
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep the features of frozen backbones here, for more students of the same model "
            "on this pool.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Evaluate the student on these labelled images."),
    ] = None,
    split: Annotated[str, typer.Option(help="The part of --task to evaluate on.")] = "test",
    seed: Seed = 0,
    device: options.DeviceOption = "auto",
    workers: options.WorkersOption = None,
    limit: LimitOptions = None,
    require_signed_by: SignedByOption = None,
    download: options.DownloadOption = False,
    as_json: AsJson = False,
) -> None:
    """Train a student on the pool images that a payload names.

    Stops with `mismatch` when the payload was made for another pool, and names an image that has
    changed since the manifest was made: every image is verified when it is loaded. With --tune
    slow or all, an interrupted run goes on after its last whole epoch when it is called again.

    Under torchrun the processes share each batch; --batch-size stays the size of the whole one. See
    docs/cluster.md.

    Example: `plada train cifar10.plada -m pool.parquet --pool 'shards/*.tar' --model
    tf_efficientnet_lite0 --weights lite0.safetensors --img-size 96 --via-size 32 -o
    student.safetensors --task cifar10`
    """
    options.prepare("plada train")
    from ..compute.context import Compute
    from ..compute.device import find_device
    from ..compute.torchrun import decoders, first, joined
    from ..features.cache import FeatureCache
    from ..models.spec import ModelSpec
    from ..training.evaluate import evaluate
    from ..training.learn import train as train_model
    from ..training.recipe import Tune, recipe

    output = Output(as_json=as_json, quiet=not first())
    started = time.monotonic()
    where = find_device(device)
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
    # The solver of a head is not shared out: the first process does it alone.
    alone = settings.tune is Tune.HEAD
    if alone and not first():
        return
    spec = ModelSpec(model, weights, pretrained, img_size, via_size, grey)
    received = load_required(
        payload, require_signed_by, limits=limits_from(limit), for_="plada train"
    )
    images = options.open_pool(manifest, pool)
    images.serve(received.pool)
    # Before the training: a mistyped task should not cost an hour.
    tested = None
    if task is not None:
        tested = load_task(task, split, download=download, output=output)
    with nullcontext(where) if alone else joined(where) as where:
        student = train_model(
            received,
            images,
            spec,
            settings,
            compute=Compute(where, decoders(workers), batch_size, output),
            resume=out.with_name(f"{out.name}.training"),
            cache=None if cache is None else FeatureCache.of_pool(cache, images),
        )
    if not first():
        return
    student.write(out)
    kept = len(received.positions)
    output.say(f"student of {student.class_count} classes from {kept:,} images: {out}")
    accuracy = None
    if tested is not None:
        compute = Compute(where, workers, batch_size, output)
        accuracy = evaluate(student, tested, compute=compute).accuracy
        output.say(f"accuracy: {100 * accuracy:.1f} % of {len(tested):,} images")
    output.result(
        {
            "student": str(out),
            "sha256": student.sha256,
            "model": model,
            "classes": list(student.class_names),
            "images": kept,
            "recipe": settings.to_json(),
            "test_images": None if tested is None else len(tested),
            "skipped": {} if tested is None else dict(tested.skipped),
            "accuracy": accuracy,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
