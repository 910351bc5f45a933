"""``plada decode``: the images and labels in a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from pladafmt.files import write_whole
from pladafmt.text import for_terminal

from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.common import AsJson
from .options.payload import ReceivedOptions


@command
def decode(
    *,
    manifest: Annotated[
        Path | None,
        typer.Option(help="The pool's manifest; turns positions into the keys of images."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write a CSV file instead of printing.")
    ] = None,
    received: ReceivedOptions,
    as_json: AsJson = False,
) -> None:
    """Print which images a payload keeps and the class of each.

    Columns: position, key (with --manifest), label, class name, weight (if the file has weights).
    With a manifest the file must be for that pool, or for an earlier state of it.

    Example: `plada decode task.plada --manifest pool.parquet -o task.csv`
    """
    output = Output(as_json=as_json)
    if manifest is not None:
        need("pyarrow", extra="ref", for_="plada decode --manifest")
    decoded = received.load(for_="plada decode", manifest=manifest)
    keys = None
    if manifest is not None:
        from ..pool import ManifestFile

        listed = ManifestFile(manifest)
        listed.serve(decoded.pool)
        keys = listed.select(decoded.positions).keys.to_pylist()
    header = ["position", "label", "class"]
    columns: list[list[object]] = [
        decoded.positions.tolist(),
        decoded.labels.tolist(),
        [decoded.class_names[label] for label in decoded.labels.tolist()],
    ]
    if keys is not None:
        header.insert(1, "key")
        columns.insert(1, list(keys))
    if decoded.weights is not None:
        header.append("weight")
        columns.append(decoded.weights.tolist())
    if out is not None:
        write_whole(out, _csv(header, columns))
        output.say(f"{decoded.kept:,} images written to {out}")
    elif not as_json:
        lines = ["\t".join(header)]
        lines += [
            "\t".join(for_terminal(str(cell)) for cell in row) for row in zip(*columns, strict=True)
        ]
        typer.echo("\n".join(lines))
    value: dict[str, object] = {
        "pool_id": decoded.pool.id.hex(),
        "pool_size": decoded.pool.size,
        "kept": decoded.kept,
        "classes": list(decoded.class_names),
        "out": None if out is None else str(out),
    }
    if out is None:
        value["positions"], value["labels"] = columns[0], decoded.labels.tolist()
        value["keys"] = keys
        value["weights"] = None if decoded.weights is None else decoded.weights.tolist()
    output.result(value)


def _csv(header: list[str], columns: list[list[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue().encode("utf-8")
