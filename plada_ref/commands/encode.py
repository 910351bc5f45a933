"""``plada encode``: a selection to a `.plada` file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import numpy as np
import typer

from pladafmt import content_id, validate
from pladafmt.salvage import CLASS_COUNTS
from pladafmt.writer import Encoding

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .exit_codes import command
from .file_sizes import MANY, describe, file_sizes
from .options.common import AsJson

if TYPE_CHECKING:
    from pladafmt import Payload


@command
def encode(
    selection: Annotated[
        Path,
        typer.Argument(metavar="SELECTION", help="A selection by plada prune.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the .plada file.")],
    encoding: Annotated[
        str,
        typer.Option(help="Position encoding: auto (the smallest), bitmap, delta or rle."),
    ] = "auto",
    block_span: Annotated[
        int | None,
        typer.Option(
            help="Pool positions per block; one block if left out. Many blocks let a client that "
            "holds part of the pool skip the rest."
        ),
    ] = None,
    dense: Annotated[
        bool,
        typer.Option(
            "--dense",
            help="Also try the dense encoding: smaller, for readers that have that feature.",
        ),
    ] = False,
    unnamed: Annotated[
        bool, typer.Option("--unnamed", help="Leave the class names out; they cost bytes.")
    ] = False,
    metadata: Annotated[
        Path | None,
        typer.Option(help="A JSON file with an object to put into the payload."),
    ] = None,
    class_counts: Annotated[
        bool,
        typer.Option(
            "--class-counts",
            help="Put the kept images of each class into the metadata: plada salvage can then say "
            "what a damaged file has lost. It costs bytes.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the payload of a selection, and say which part of it takes how many bytes.

    Example: `plada encode selection.parquet -o task.plada`
    """
    need("pyarrow", extra="ref", for_="plada encode")
    from dataclasses import replace

    from ..selection import file as selection_file

    output = Output(as_json=as_json)
    payload = selection_file.read(selection)
    if unnamed:
        payload = replace(payload, classes=payload.class_count)
    if metadata is not None:
        payload = replace(payload, metadata=read_metadata(metadata))
    if class_counts:
        counts = np.bincount(payload.labels, minlength=payload.class_count).tolist()
        payload = replace(payload, metadata={**(payload.metadata or {}), CLASS_COUNTS: counts})
    size = write_payload(
        output, payload, out, encoding=encoding, block_span=block_span, dense=dense
    )
    # Each way takes as long as the file itself did.
    sizes = file_sizes(payload, block_span=block_span) if payload.kept <= MANY else {}
    if sizes:
        output.say(describe(size, sizes))
    output.result(
        {
            "out": str(out),
            "payload_bytes": size,
            "kept": payload.kept,
            "content_id": content_id(payload).hex(),
            "bytes_per_part": validate(out).bytes_per_part,
            "file_sizes": sizes,
        }
    )


def write_payload(
    output: Output,
    payload: Payload,
    out: Path,
    *,
    encoding: str,
    block_span: int | None,
    dense: bool = False,
) -> int:
    """Write `payload` to `out`, say what takes how many bytes, and return the file's size."""
    from pladafmt import dump

    chosen = encoding_named(encoding)
    dump(payload, out, encoding=chosen, block_span=block_span, dense=dense)
    report = validate(out)
    parts = ", ".join(f"{name} {size:,}" for name, size in report.bytes_per_part.items())
    output.say(f"{out}: {report.size:,} bytes for {payload.kept:,} images ({parts})")
    return report.size


def encoding_named(name: str) -> Encoding:
    """Return the position encoding that ``--encoding`` names."""
    known: tuple[Encoding, ...] = get_args(Encoding)
    chosen = next((each for each in known if each == name), None)
    if chosen is None:
        raise Misuse(f"--encoding takes one of {', '.join(known)}; not {name!r}.")
    return chosen


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file at `path`, which ``--metadata`` names."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise Misuse(f"{path} is not a JSON file: {error}.") from error
    if not isinstance(value, dict):
        raise Misuse(f'{path} holds no JSON object; metadata is one, such as {{"licence": ...}}.')
    return value
