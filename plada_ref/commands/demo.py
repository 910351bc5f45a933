"""``plada demo``: the whole road in about a minute, from what the installed packages carry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from ..compute.process import suit_torch
from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.common import AsJson, Seed
from .options.out import a_folder

_PACKAGES = ("torch", "timm", "pyarrow", "sklearn", "matplotlib")
_THREADS = 1
"""Threads of torch. On images this small several threads mostly wait for each other: two took twice
the processor time for the same training. One also gives the same figures on any number of cores."""


@command
def demo(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Where to write what the demo makes.",
            callback=a_folder,
        ),
    ] = Path("plada-demo"),
    pool_size: Annotated[int, typer.Option(help="Images in the pool, at least 500.")] = 15_000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Teach handwritten digits through letters and symbols, in a file of about 1,500 bytes.

    The target is scikit-learn's handwritten digits; the pool is rendered from the fonts that
    matplotlib installs: letters, punctuation and symbols, but no digits. Nothing is downloaded.

    A teacher learns the digits and says of every character which digit it looks like most. Several
    selections of characters become payloads, and a student learns from each payload and the pool.
    One selection is recommended, by validation digits that the teacher did not learn from; only
    then are the test digits looked at.

    Writes into DIR the recommended payload (digits.plada), every payload, the pool with its
    manifest, the teacher, the score table, and a picture (demo.png).

    Example: `plada demo --out /tmp/plada-demo`
    """
    suit_torch()
    for package in _PACKAGES:
        need(package, for_="plada demo")
    import torch

    from ..demo.demo import Settings, run

    output = Output(as_json=as_json)
    torch.set_num_threads(_THREADS)
    figures = run(out, Settings(pool_size=pool_size, seed=seed), output)
    _show(output, figures)
    output.result(figures)


def _show(output: Output, figures: dict[str, Any]) -> None:
    table = Table(
        title="One student for each payload",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption="* recommended: best on the validation digits",
        caption_justify="left",
    )
    table.add_column("")
    table.add_column("selection")
    for heading in ("keep", "bytes", "val. %", "test %"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("vanished")
    for row in figures["selections"]:
        table.add_row(
            "*" if row["recommended"] else "",
            Text(row["name"]),
            f"{100 * row['keep_rate']:g} %",
            f"{row['payload_bytes']:,}",
            f"{row['validation_accuracy']:.1f}",
            f"{row['student_accuracy']:.1f}",
            Text(" ".join(row["vanished"])),
            style="bold" if row["recommended"] else None,
        )
    output.show(table)
    output.say(
        f"The teacher is right on {figures['teacher_accuracy']:.1f} % of the test digits. Of the "
        "selections the one that did best on\n"
        f"validation digits is recommended: its student reaches "
        f"{figures['student_accuracy']:.1f} %, taught by {figures['payload_bytes']:,} bytes and "
        "its own\n"
        f"copy of the pool. The student's weights would take {figures['student_model_bytes']:,} "
        "bytes."
    )
    output.say(f"payload  {figures['payload']}")
    output.say(f"picture  {figures['picture']}")
    made = Path(str(figures["picture"])).parent
    output.say(f"report   plada report {made} -m {made}/pool.parquet --pool {made}/pool.tar")
    output.say(f"time     {figures['seconds']:.0f} s")
