"""``plada export``: a trained model for programs that know neither plada nor timm."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pladafmt.text import printable

from ..errors import PipelineError
from ..output import Output
from .exit_codes import command
from .options.address import readable
from .options.common import AsJson
from .options.compute import WorkersOption, prepare
from .options.out import named, out_option


@command
def export(
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
    out: Annotated[
        Path,
        out_option("Where to write the exported model: .onnx, or .pt2 for torch.export"),
    ],
    format: Annotated[
        str | None,
        typer.Option(metavar="onnx|pt2", help="The format, if the suffix of --out is another."),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE",
            help="Compare the exported model with the original on these: a path or URL, a folder "
            "or a pattern; may be repeated. By default on 80 pieces of two photographs that "
            "scikit-learn ships.",
        ),
    ] = None,
    workers: WorkersOption = None,
    as_json: AsJson = False,
) -> None:
    """Write a teacher or student as ONNX or torch.export, once it agrees with the original.

    The file takes pixels (uint8, a batch of any size) and gives logits; resampling to the model's
    input and normalisation are inside. It holds the classes and how the pixels are made, see
    docs/students.md. Nothing is written if an image gets another class than by the original.

    Example: `plada export student.safetensors -o student.onnx --images 'photos/*.jpg'`
    """
    prepare("plada export")
    import torch

    from ..compute.context import Compute
    from ..exporting import export as export_model
    from ..exporting.formats import choose
    from ..models.checkpoint import Checkpoint
    from ..predicting.named import find_images

    output = Output(as_json=as_json)
    started = time.monotonic()
    choose(out, format)
    found = None if images is None else find_images(images)
    if found is not None:
        for reason, count in found.skipped.items():
            output.say(f"skipped  {count:,} {reason}")
        if found.failed:
            raise PipelineError(found.failed[0][1])
    made = export_model(
        Checkpoint.read(model),
        out,
        format=format,
        images=None if found is None else found.images,
        compute=Compute(torch.device("cpu"), workers, progress=output),
    )
    agreement = made.agreement
    output.say(printable(f"{named(out)}: {made.format}, {made.size:,} bytes"))
    ties = f", but for {agreement.ties:,} ties" if agreement.ties else ""
    output.say(
        f"same class as by the original on {agreement.images:,} images{ties}; the largest "
        f"difference is {agreement.logit:.1g} of a logit, {agreement.probability:.1g} of a "
        "probability"
    )
    output.result(
        {
            "out": named(out),
            "format": made.format,
            "bytes": made.size,
            "agreement": asdict(agreement),
            "skipped": {} if found is None else dict(found.skipped),
            "seconds": round(time.monotonic() - started, 3),
        }
    )
