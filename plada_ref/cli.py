"""The command line ``plada``: one command for each step from a teacher to a student.

Command modules import only what the format needs; torch and the like are imported inside the
commands that use them, so that `plada inspect` works, and starts fast, without them.
"""

from __future__ import annotations

import io
import sys
import warnings
from typing import Annotated, TextIO

import typer

from pladafmt import SlowWarning, __version__

from .commands import (
    baselines,
    decode,
    demo,
    diff,
    encode,
    evaluate,
    export,
    fetch,
    inspect,
    keygen,
    label,
    leakage,
    pool,
    predict,
    prune,
    publish,
    report,
    rewrite,
    salvage,
    sign,
    tasks,
    teach,
    train,
    transfer,
    validate,
    verify,
)

app = typer.Typer(
    name="plada",
    help="Send an image-classification task in kilobytes: which images of a shared pool, and which "
    "class.\n\nProducer: pool index, teach, label, prune, encode, sign, publish. Client: fetch, "
    "verify, decode, train, evaluate, predict, export. Both at once: transfer, demo.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plada {__version__}")
        raise typer.Exit


@app.callback()
def plada(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Hold the options of ``plada`` itself, without a command."""


app.command()(demo.demo)
app.add_typer(pool.app)
app.command()(teach.teach)
app.command()(label.label)
app.command()(prune.prune)
app.command()(encode.encode)
app.add_typer(publish.app)
app.command()(tasks.tasks)
app.command()(fetch.fetch)
app.command()(decode.decode)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(predict.predict)
app.command()(export.export)
app.command()(transfer.transfer)
app.command()(baselines.baselines)
app.command()(leakage.leakage)
app.command()(report.report)
app.command()(inspect.inspect)
app.command()(validate.validate)
app.command()(diff.diff)
app.command()(rewrite.rewrite)
app.command()(salvage.salvage)
app.command()(keygen.keygen)
app.command()(sign.sign)
app.command()(verify.verify)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding than UTF-8, such as cp1252, shows what it lacks escaped.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _show_as_sentences(SlowWarning)
    app()


def _show_as_sentences(kind: type[Warning]) -> None:
    """Have Python's warnings of this kind look like those of the commands."""
    others = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, kind):
            print(f"warning: {message}", file=sys.stderr, flush=True)
        else:
            others(message, category, filename, lineno, file, line)

    warnings.showwarning = show
