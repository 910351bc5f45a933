"""``plada baselines``: what else a server could send, at its true size."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..errors import Misuse
from ..output import Output
from .exit_codes import command, resumes
from .options import model as options
from .options.common import AsJson, Seed
from .options.task import load_task

if TYPE_CHECKING:
    from ..baselines.record import Row

_IMAGES = (100, 500)
"""As in the paper."""


@command
@resumes
def baselines(
    task: options.TaskOption,
    model: options.ModelOption,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="Folder for baselines.json; that of a plada transfer will do."
        ),
    ],
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="int8-head, int4-head, int2-head, images-random, images-k-center, random, "
            "whole-pool, full-target or int8-student. May be repeated. Default: all that the other "
            "options allow.",
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BYTES",
            help="Such as 800, 20KB or 1.5KiB: send as many training images, or random images of "
            "the pool, as fit. May be repeated.",
        ),
    ] = None,
    images: Annotated[
        list[int] | None,
        typer.Option(
            metavar="K",
            help="Send this many training images. May be repeated. Default without --budget: 100 "
            "and 500.",
        ),
    ] = None,
    weights: options.WeightsOption = None,
    pretrained: options.PretrainedOption = False,
    tune: options.TuneOption = "head",
    img_size: options.ImgSizeOption = None,
    via_size: options.ViaSizeOption = None,
    grey: options.GreyOption = False,
    scores: Annotated[
        Path | None,
        typer.Option(
            metavar="SCORES",
            help="A score table by plada label, for random and whole-pool; with --manifest and "
            "--pool.",
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", "-m", metavar="MANIFEST", help="The pool's manifest."),
    ] = None,
    pool: Annotated[
        list[str] | None,
        typer.Option("--pool", metavar="SOURCE", help="The pool's images. May be repeated."),
    ] = None,
    student: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The trained model that int8-student sends; by default one is trained on all "
            "training images.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="The part of the task to learn from.")] = "train",
    test_split: Annotated[str, typer.Option(help="The part of the task to compare on.")] = "test",
    epochs: options.EpochsOption = None,
    lr: options.LrOption = None,
    batch_size: options.BatchSizeOption = 64,
    label_smoothing: options.SmoothingOption = None,
    augment: options.AugmentOption = None,
    seed: Seed = 0,
    device: options.DeviceOption = "auto",
    workers: options.WorkersOption = None,
    download: options.DownloadOption = False,
    as_json: AsJson = False,
) -> None:
    """Measure what a client reaches with something other than a payload, and what that costs.

    Every row gives bytes that were really encoded, and the test accuracy of the same student
    trained on, or made of, what was decoded from them. docs/baselines.md says what is counted.
    Called again with the same folder and settings, it computes only what is missing.

    Example: `plada baselines --task cifar10 --model tf_efficientnet_lite0 --weights
    lite0.safetensors --img-size 96 --via-size 32 --budget 2KB --budget 8KB -o run`
    """
    options.prepare("plada baselines")
    from ..baselines.material import LabelledPool, Material
    from ..baselines.study import Wanted, allowed, compute
    from ..compute.context import Compute
    from ..compute.device import find_device
    from ..labelling.scores import ScoreTable
    from ..models.checkpoint import Checkpoint
    from ..models.spec import ModelSpec
    from ..selection.budget import parse_bytes
    from ..training.recipe import recipe

    output = Output(as_json=as_json)
    started = time.monotonic()
    budgets = tuple(parse_bytes(text) for text in budget or [])
    given = (scores is not None, manifest is not None, bool(pool))
    if any(given) and not all(given):
        raise Misuse("Give --scores, --manifest and --pool together, or none of them.")
    labelled = None
    if scores is not None and manifest is not None and pool:
        labelled = LabelledPool(ScoreTable.read(scores), options.open_whole_pool(manifest, pool))
    target = load_task(task, split, download=download, output=output)
    tested = load_task(task, test_split, download=download, output=output)
    counts = tuple(images or ())
    if not counts and not budgets:
        counts = tuple(count for count in _IMAGES if count <= len(target))
    wanted = Wanted(
        keys=tuple(baseline or allowed(labelled is not None, budgets, counts)),
        budgets=budgets,
        images=counts,
        student=None if student is None else Checkpoint.read(student),
    )
    material = Material(
        spec=ModelSpec(model, weights, pretrained, img_size, via_size, grey),
        how=recipe(
            tune,
            epochs=epochs,
            lr=lr,
            batch_size=batch_size,
            label_smoothing=label_smoothing,
            augment=augment,
            seed=seed,
        ),
        target=target,
        test=tested,
        labelled=labelled,
        folder=out,
        compute=Compute(find_device(device), workers, batch_size, output),
    )
    rows = compute(material, wanted)
    _show(output, rows)
    output.result(
        {
            "rows": [row.to_json() for row in rows],
            "skipped": dict(target.skipped),
            "test_skipped": dict(tested.skipped),
            "out": str(out),
            "seconds": round(time.monotonic() - started, 1),
        }
    )


def _show(output: Output, rows: list[Row]) -> None:
    table = Table(title="Baselines", title_justify="left")
    table.add_column("baseline")
    for heading in ("bytes", "accuracy", "images", "seconds"):
        table.add_column(heading, justify="right")
    for row in rows:
        sent: Any = row.found.details.get("images", "")
        table.add_row(
            Text(row.found.name),
            f"{row.found.bytes:,}",
            f"{100 * row.found.accuracy:.2f} %",
            f"{sent:,}" if isinstance(sent, int) else "",
            f"{row.seconds:.1f}",
        )
    output.show(table)
