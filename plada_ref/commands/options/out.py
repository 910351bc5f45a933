"""The option that says which file a command writes; ``-o -``, which only a file may be."""

from __future__ import annotations

import glob
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from pladafmt.files import STANDARD_OUTPUT, is_stream, replacing

from ...errors import Misuse, PipelineError

_SOURCES = ("images", "sources", "pool", "task")
"""Parameters that name files by texts: paths and globs among other things."""


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
    """Refuse ``-`` and files where a folder is named: the callback of such an option."""
    if value == Path("-"):
        raise typer.BadParameter(
            "this is a folder, which cannot be written to standard output; give it a name."
        )
    if value is not None and value.exists() and not value.is_dir():
        raise typer.BadParameter(f"{str(value)!r} is a file; name a folder.")
    return value


def writes_a_file(function: Callable[..., Any]) -> bool:
    """Whether a command, without groups of options, has an option ``--out`` that names a file."""
    out = inspect.signature(function).parameters.get("out")
    if out is None:
        return False
    named = getattr(out.annotation, "__metadata__", ())
    return not any(getattr(option, "callback", None) is a_folder for option in named)


def check_out(out: Path, given: Mapping[str, Any], *, updated: tuple[str, ...] = ()) -> None:
    """Check, before the work, that its result can be written and takes the place of no input.

    Args:
        given: the command's arguments.
        updated: those whose file may be replaced by the result.

    Raises:
        Misuse: if `out` is a folder, lies in one that is not there, or is a file that is read.
    """
    if is_stream(out):
        return
    check_file(out, "--out")
    if out.exists() and any(path.exists() and out.samefile(path) for path in _read(given, updated)):
        raise Misuse(
            f"--out {str(out)!r} is a file that this command reads, and would be lost; choose "
            "another name."
        )


def check_file(path: Path, option: str) -> None:
    """Check that a file can be written, before the work that it is the result of.

    Raises:
        Misuse: if it is a folder, or lies in one that is not there or may not be written to.
    """
    folder = path.resolve().parent
    if path.is_dir():
        raise Misuse(f"{str(path)!r} is a folder; name a file with {option}.")
    if not folder.is_dir():
        raise Misuse(f"The folder of {str(path)!r} does not exist; make it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Misuse(f"Nothing may be written to the folder of {str(path)!r}; choose another.")


def _read(given: Mapping[str, Any], updated: tuple[str, ...]) -> Iterator[Path]:
    for name, value in given.items():
        if name == "out" or name in updated:
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Path):
                yield each
            elif isinstance(each, str) and name in _SOURCES:
                yield from _named_by(each)
            if each is not None and name in ("manifest", "pool"):
                yield from _remembered_by(Path(each))


def _named_by(source: str) -> Iterator[Path]:
    plain = source.partition("#")[0].removeprefix("folders:").removeprefix("file://")
    yield from map(Path, {plain, *glob.glob(plain, recursive=True)})


def _remembered_by(manifest: Path) -> Iterator[Path]:
    """Files of the pool that lie where the file beside its manifest says."""
    try:
        from ...pool import remembered

        sources = remembered(manifest)
    except (ImportError, Misuse, PipelineError, OSError):
        return  # There is none, or whoever reads it will say what is wrong.
    for source in sources:
        yield from _named_by(source)


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
