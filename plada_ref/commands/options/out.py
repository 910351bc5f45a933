"""The option that says which file a command writes; ``-o -``, which only a file may be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from pladafmt.files import STANDARD_OUTPUT, is_stream, replacing


def out_option(help: str, **settings: Any) -> Any:
    """Return the option ``--out`` of a command that writes one file.

    Args:
        help: what the file is, without a full stop.
        settings: others of `typer.Option`.
    """
    return typer.Option(
        "--out",
        "-o",
        help=f"{help}. - is standard output: all else, the object of --json too, then goes to "
        "standard error.",
        callback=_file_or_stream,
        **settings,
    )


def _file_or_stream(value: Path | None) -> Path | None:
    if value != Path("-"):
        return value
    if sys.stdout is not None and sys.stdout.isatty():
        raise typer.BadParameter(
            "standard output is a terminal, which would act on the bytes of the file; send it to "
            "a file or a program."
        )
    return STANDARD_OUTPUT


def a_folder(value: Path | None) -> Path | None:
    """Refuse ``-`` where a folder is named: the callback of such an option."""
    if value == Path("-"):
        raise typer.BadParameter(
            "this is a folder, which cannot be written to standard output; give it a name."
        )
    return value


def named(out: Path) -> str:
    """Return what messages and ``--json`` call the file."""
    return "-" if out == STANDARD_OUTPUT else str(out)


@contextmanager
def standing(out: Path) -> Iterator[Path]:
    """Yield a path that can be read again, and have other files next to it.

    It is `out` itself, or for what is no file one in a temporary folder, whose bytes are passed on
    at the end.
    """
    if is_stream(out):
        with replacing(out) as made:
            yield made
    else:
        yield out
