"""Options of the commands that train or run a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...compute.process import suit_torch
from ...optional import need

if TYPE_CHECKING:
    from ...pool import DiskPool, MemoryPool

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
DownloadOption = Annotated[
    bool, typer.Option("--download", help="Let torchvision or medmnist fetch a missing set.")
]
ManifestOption = Annotated[
    Path,
    typer.Option(
        "--manifest",
        "-m",
        metavar="MANIFEST",
        help="The pool's manifest, by plada pool index.",
        show_default=False,
    ),
]
PoolOption = Annotated[
    list[str],
    typer.Option(
        "--pool",
        metavar="SOURCE",
        help="Where the pool's images lie: an image folder, .tar shards or .parquet files; a path, "
        "a quoted glob or a URL. May be repeated.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Any model of timm, or plada_convnet_s / plada_convnet_m for small grey images.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights", metavar="FILE", help="Pre-trained weights of this model to start from."
    ),
]
PretrainedOption = Annotated[
    bool,
    typer.Option(
        "--pretrained", help="Without --weights: let timm fetch the model's default weights."
    ),
]
ImgSizeOption = Annotated[
    int | None,
    typer.Option(
        "--img-size", metavar="PIXELS", help="Input height and width; the model's own by default."
    ),
]
ViaSizeOption = Annotated[
    int | None,
    typer.Option(
        "--via-size",
        metavar="PIXELS",
        help="Resample every image to this size first: matched resolution, for a task of small "
        "images and a pool of sharp ones.",
    ),
]
GreyOption = Annotated[
    bool,
    typer.Option(
        "--grey",
        help="Show models the grey levels alone: for a task of grey images and a coloured pool.",
    ),
]
TuneOption = Annotated[
    str,
    typer.Option(
        "--tune",
        help="head: a linear classifier on the frozen backbone, quick and safe. slow: that first, "
        "then everything, the backbone at a tenth of the learning rate. all: everything.",
    ),
]
EpochsOption = Annotated[
    int | None,
    typer.Option(
        help="Passes over the images (head: most passes of the solver). Default: head 60, slow 2 "
        "but at least 150 steps, all 20."
    ),
]
StepsOption = Annotated[
    int | None, typer.Option(help="Optimiser steps in place of --epochs (slow and all).")
]
LrOption = Annotated[
    float | None,
    typer.Option(help="Learning rate of AdamW (slow and all). Default: 0.001, cosine schedule."),
]
BatchSizeOption = Annotated[int, typer.Option(help="Images per step.")]
WeightDecayOption = Annotated[
    float | None,
    typer.Option(help="Weight decay of AdamW (slow and all). Default: slow 0.02, all 0.05."),
]
HeadDecayOption = Annotated[
    float | None,
    typer.Option(help="Penalty on the linear head's weights (head and slow). Default: 0.1."),
]
SmoothingOption = Annotated[float | None, typer.Option(help="Label smoothing, 0 to 1. Default: 0.")]
AugmentOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="off, flip, light (flip and small shifts) or glyph (shift, rotate and scale, for "
        "characters). Default: head flip, else light.",
    ),
]
FreezeBnOption = Annotated[
    bool | None,
    typer.Option(
        "--freeze-bn/--no-freeze-bn",
        help="Keep the batch-norm statistics of the given weights. Default: only with slow.",
        show_default=False,
    ),
]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda, or auto for a GPU when there is one.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that decode images; chosen for this machine by default."),
]


def prepare(name: str) -> None:
    """Check for the packages of the command called `name`, before torch is imported.

    Raises:
        Misuse: if one is not installed.
    """
    suit_torch()
    for module in ("torch", "timm", "safetensors", "pyarrow", "fsspec"):
        need(module, extra="ref", for_=name)


def open_pool(manifest: Path, sources: list[str]) -> DiskPool:
    """The client's pool, for images that are asked for once or in large stretches.

    Raises:
        PipelineError, Misuse: if the manifest or a source cannot be opened.
    """
    from ...pool import open_pool

    return open_pool(manifest, *sources)


def open_whole_pool(manifest: Path, sources: list[str]) -> MemoryPool:
    """The client's pool with the whole manifest in memory.

    Raises:
        PipelineError, Misuse: if the manifest or a source cannot be opened.
    """
    from ...pool import open_pool

    return open_pool(manifest, *sources, in_memory=True)
