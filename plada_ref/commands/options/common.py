"""Options that several commands share."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from pladafmt import Limits
from pladafmt.files import read_at_most

from ...errors import Misuse
from .address import readable

MOST_WHOLE = 1 << 30
"""Bytes of a payload that a command must hold whole, to copy, sign or search it."""

AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object on the last line.")
]

Seed = Annotated[int, typer.Option(help="Seed of everything random in this step.")]

PayloadFile = Annotated[
    Path,
    typer.Argument(
        metavar="PAYLOAD",
        help="A .plada file.",
        show_default=False,
        parser=readable(MOST_WHOLE),
    ),
]

LimitOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=N",
        help="Raise or lower what is accepted from a file: kept, dense (images), stream, "
        "class_map, metadata (bytes), blocks, work. May be repeated.",
    ),
]


def read_whole(path: Path) -> bytes:
    """Return the bytes of a payload's file.

    Raises:
        OSError: if it cannot be read, or is larger than `MOST_WHOLE`.
    """
    return read_at_most(path, MOST_WHOLE)


def limits_from(options: list[str] | None) -> Limits:
    """Return the default limits with what ``--limit`` changes.

    Raises:
        Misuse: for an unknown name, or a value that is not a number from 0.
    """
    known = [field.name for field in fields(Limits)]
    changes: dict[str, int] = {}
    for option in options or []:
        name, _, value = option.partition("=")
        if name not in known or not (value.isascii() and value.isdigit()):
            raise Misuse(
                f"--limit takes NAME=N with NAME one of {', '.join(known)} and N a whole number; "
                f"not {option!r}."
            )
        changes[name] = int(value)
    return Limits(**changes)
