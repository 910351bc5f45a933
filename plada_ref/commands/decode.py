"""``plada decode``: the images and labels in a file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pladafmt import Payload
from pladafmt.files import replacing
from pladafmt.text import for_terminal

from ..optional import need
from ..output import Output, batches
from .exit_codes import command
from .options.address import readable
from .options.common import AsJson
from .options.out import named, out_option
from .options.payload import ReceivedOptions
from .spreadsheet import SafeCells


@command
def decode(
    *,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            "-m",
            metavar="MANIFEST",
            help="The pool's manifest; turns positions into the keys of images.",
            parser=readable(),
        ),
    ] = None,
    out: Annotated[Path | None, out_option("Write a CSV file instead of printing")] = None,
    received: ReceivedOptions,
    as_json: AsJson = False,
) -> None:
    """Print which images a payload keeps and the class of each.

    Columns: position, key (with --manifest), label, class name, weight (if the file has weights).
    With a manifest the file must be for that pool, or for an earlier state of it. In a CSV file, a
    name or key that begins like a formula (= + - @) has a ' before it.

    Example: `plada decode task.plada -m pool.parquet -o task.csv`
    """
    output = Output(as_json=as_json)
    if manifest is not None:
        need("pyarrow", extra="pool", for_="plada decode --manifest")
    decoded = received.load(for_="plada decode", manifest=manifest)
    keys = None
    if manifest is not None:
        from ..pool import ManifestFile

        listed = ManifestFile(manifest)
        listed.serve(decoded.pool)
        keys = listed.select(decoded.positions).keys
    header = ["position", "label", "class"]
    if keys is not None:
        header.insert(1, "key")
    if decoded.weights is not None:
        header.append("weight")
    if out is not None:
        with (
            replacing(out) as temporary,
            open(temporary, "w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            safe = SafeCells()
            counts = np.bincount(decoded.labels, minlength=decoded.class_count).tolist()
            names = safe.names(decoded.class_names, counts)
            writer.writerows(_rows(decoded, keys, names, safe.cells))
        output.say(f"{decoded.kept:,} images written to {named(out)}")
        safe.tell(output)
    elif not as_json:
        typer.echo("\t".join(header))
        names = [for_terminal(name) for name in decoded.class_names]
        rows = _rows(decoded, keys, names, partial(map, for_terminal))
        for batch in batches("\t".join(map(str, row)) + "\n" for row in rows):
            sys.stdout.write("".join(batch))
    value: dict[str, object] = {
        "pool_id": decoded.pool.id.hex(),
        "pool_size": decoded.pool.size,
        "kept": decoded.kept,
        "classes": list(decoded.class_names),
        "out": None if out is None else named(out),
    }
    long: dict[str, Iterable[object]] = {}
    if out is None:
        columns = {
            "positions": decoded.positions,
            "labels": decoded.labels,
            "keys": keys,
            "weights": decoded.weights,
        }
        value |= {name: None for name, column in columns.items() if column is None}
        long = {name: _in_batches(column) for name, column in columns.items() if column is not None}
    output.result(value, **long)


BATCH = 1 << 16
"""Images whose rows are made at a time: as Python's objects they take ten times the memory."""


def _in_batches(column: Any) -> Iterator[Any]:
    """Yield the values of an array, of NumPy or Arrow, as Python's."""
    for start in range(0, len(column), BATCH):
        yield from column[start : start + BATCH].tolist()


def _rows(
    decoded: Payload,
    keys: Any,
    names: Sequence[str],
    shown: Callable[[Iterable[str]], Iterable[str]],
) -> Iterator[tuple[object, ...]]:
    """Yield position, key if there are keys, label, class name and weight if there are weights.

    Args:
        names: the class names, as they are to be shown.
        shown: makes keys into what is to be shown of them.
    """
    columns: list[Iterable[object]] = [_in_batches(decoded.positions)]
    if keys is not None:
        columns.append(shown(_in_batches(keys)))
    columns += [
        _in_batches(decoded.labels),
        (names[label] for label in _in_batches(decoded.labels)),
    ]
    if decoded.weights is not None:
        columns.append(_in_batches(decoded.weights))
    return zip(*columns, strict=True)
