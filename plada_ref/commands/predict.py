"""``plada predict``: the classes of new images."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pladafmt.text import for_terminal, printable

from ..errors import Misuse
from ..output import Output
from .exit_codes import command
from .options.address import readable
from .options.common import AsJson
from .options.compute import BatchedComputeOptions, prepare
from .spreadsheet import SafeCells

if TYPE_CHECKING:
    from ..predicting.classes import TopClasses


@command
def predict(
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
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Images: paths or URLs, folders (all images below them), or patterns such as "
            "'photos/*.jpg'.",
            show_default=False,
        ),
    ],
    top: Annotated[
        int, typer.Option(min=1, metavar="K", help="How many classes are said of each image.")
    ] = 3,
    as_csv: Annotated[
        bool,
        typer.Option("--csv", help="Print a CSV table: image, rank, class, probability."),
    ] = False,
    machine: BatchedComputeOptions,
    as_json: AsJson = False,
) -> None:
    """Say which classes a teacher or student sees in images, and how probable each is.

    Images are prepared as the model's own file says, as in its training. An image that cannot be
    read is named and counted, the others are classified, and the exit status is 1.

    Example: `plada predict student.safetensors photos/ 'more/*.jpg' --top 1 --csv > classes.csv`
    """
    if as_csv and as_json:
        raise Misuse("--csv and --json are two forms of the same result; choose one.")
    prepare("plada predict")
    from ..models.checkpoint import Checkpoint
    from ..predicting.classes import top_classes
    from ..predicting.named import find_images

    # Standard output holds the table alone, as it holds the object of --json.
    output = Output(as_json=as_json or as_csv)
    started = time.monotonic()
    checkpoint = Checkpoint.read(model)
    named = find_images(images)
    for reason, count in named.skipped.items():
        output.say(f"skipped  {count:,} {reason}")
    found = top_classes(checkpoint, named.images, top, compute=machine.compute(output))
    failed = [*named.failed, *((named.names[row], why) for row, why in found.unreadable.items())]
    classes = checkpoint.class_names
    if as_csv:
        _write_table(found, named.names, classes, output)
    elif not as_json and len(found.rows):
        _show(found, named.names, classes, output)
    for _, sentence in failed:
        output.warn(printable(sentence))
    if as_json:
        output.result(
            {
                "model": checkpoint.model,
                "sha256": checkpoint.sha256,
                "images": len(found.rows),
                "skipped": dict(named.skipped),
                "failed": [{"image": name, "error": sentence} for name, sentence in failed],
                "seconds": round(time.monotonic() - started, 3),
            },
            predictions=(
                {
                    "image": named.names[row],
                    "classes": [
                        {"class": classes[label], "probability": round(chance, 6)}
                        for label, chance in best
                    ],
                }
                for row, best in found.each()
            ),
        )
    if failed:
        print(f"error: {_outcome(len(found.rows), len(failed))}", file=sys.stderr, flush=True)
        raise typer.Exit(1)


def _show(found: TopClasses, names: list[str], classes: tuple[str, ...], output: Output) -> None:
    def rows() -> Any:
        for row, best in found.each():
            said = (
                f"{for_terminal(classes[label])} {100 * chance:.1f} %" for label, chance in best
            )
            yield for_terminal(names[row]), ", ".join(said)

    output.listing("Most probable classes", ("image", "classes"), rows)


def _write_table(
    found: TopClasses, names: list[str], classes: tuple[str, ...], output: Output
) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "rank", "class", "probability"])
    safe = SafeCells()
    writer.writerows(
        safe.rows(
            (names[row], rank, classes[label], round(chance, 6))
            for row, best in found.each()
            for rank, (label, chance) in enumerate(best, start=1)
        )
    )
    safe.tell(output)


def _outcome(images: int, failed: int) -> str:
    bad = "1 image" if failed == 1 else f"{failed:,} images"
    others = "1 was" if images == 1 else f"{images:,} were"
    return f"{bad} could not be classified, for the reasons above; {others}."
