"""``plada salvage``: what is whole in a damaged file, as a valid one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from pladafmt import Corrupt, PladaError
from pladafmt.files import write_whole
from pladafmt.salvage import LISTED, Salvaged
from pladafmt.salvage import salvage as salvage_bytes
from pladafmt.text import for_terminal, printable

from ..output import Output
from .exit_codes import command
from .options.address import readable
from .options.codes import NO_CODES, CodesOption, open_codes
from .options.common import MOST_WHOLE, AsJson, LimitOptions, limits_from, read_whole
from .options.out import named, out_option

_SHOWN_CLASSES = 20
_SHOWN_LINES = 10

_NAME_CODES = "What a rule kept comes back with the pool's codes; name them with --codes."

_NAMES = {
    "lost": "class names are lost; the classes are numbered",
    "unknown": "no class names were found; if the file had any, they are lost",
}


@command
def salvage(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A damaged .plada file.",
            show_default=False,
            parser=readable(MOST_WHOLE),
        ),
    ],
    out: Annotated[
        Path,
        out_option("Where to write what is whole", show_default=False),
    ],
    head: Annotated[
        Path | None,
        typer.Option(
            "--head",
            metavar="OTHER",
            help="Another copy of the file, or the beginning of one, whose HEAD is undamaged.",
        ),
    ] = None,
    codes: CodesOption = None,
    limit: LimitOptions = None,
    as_json: AsJson = False,
) -> None:
    """Recover every block that is whole in a damaged file, and say what was lost.

    The new file is valid. Exit status 0 if anything was recovered, 1 if not.

    Example: `plada salvage damaged.plada --out rescued.plada --head earlier.plada.part`
    """
    output = Output(as_json=as_json)
    try:
        found = salvage_bytes(
            read_whole(file),
            other=None if head is None else read_whole(head),
            limits=limits_from(limit),
            codes=None if codes is None else open_codes(codes),
        )
    except PladaError as exc:
        if codes is None and "RULE" in exc.problem:
            raise Corrupt(exc.code, f"{exc.problem} {_NAME_CODES}") from exc
        raise
    write_whole(out, found.data)
    _say(output, file, found)
    if codes is None and any(each.code == NO_CODES for each in found.refused):
        output.say(_NAME_CODES)
    output.say(f"{for_terminal(named(out))}: {len(found.data):,} bytes.")
    output.result({"out": named(out), "payload_bytes": len(found.data), **found.as_json()})


def _say(output: Output, file: Path, found: Salvaged) -> None:
    shown = for_terminal(str(file))
    blocks = "block" if found.blocks == 1 else "blocks"
    recovered = f"{found.images:,} images in {found.blocks:,} {blocks} recovered"
    if found.same:
        output.say(f"{shown}: {recovered}; nothing lost.")
    else:
        total = found.images + found.lost_images
        output.say(f"{shown}: {recovered}; {found.lost_images:,} of {total:,} images lost.")
    if found.names in _NAMES:
        output.say(_NAMES[found.names])
    elif not found.same and not found.lost_images:
        output.say("what the file holds does not fit the check in HEAD")
    _list(
        output,
        "the lost images are among the positions",
        [f"{start:,} to {end - 1:,}" for start, end in found.lost_ranges],
        len(found.lost_ranges),
    )
    _list(
        output,
        "bytes that are in no whole chunk:",
        [f"{start:,} to {end - 1:,}" for start, end in found.unread],
        found.unread_count,
    )
    for each in found.refused[:_SHOWN_LINES]:
        output.say(
            f"refused: {each.name} at byte {each.offset:,} ({each.code}): {printable(each.problem)}"
        )
    if found.refused_count > _SHOWN_LINES:
        output.say(f"... and {found.refused_count - _SHOWN_LINES:,} more refused")
    if found.dropped:
        output.say(f"left out, since it may not be copied: {', '.join(found.dropped[:LISTED])}")
    if found.lost_images:
        _show_classes(output, found)


def _list(output: Output, heading: str, items: list[str], count: int) -> None:
    """Say what `items` are, as far as they are few, and how many more there are."""
    if not count:
        return
    shown = items[:_SHOWN_LINES]
    more = f", and {count - len(shown):,} more" if count > len(shown) else ""
    output.say(f"{heading} {', '.join(shown)}{more}")


def _show_classes(output: Output, found: Salvaged) -> None:
    counts = found.lost_per_class
    table = Table(title="Classes", title_justify="left")
    table.add_column("label", justify="right")
    table.add_column("name")
    table.add_column("recovered", justify="right")
    if counts is not None:
        guess = " (unverified)" if found.lost_per_class_from == "estimate" else ""
        table.add_column(f"lost{guess}", justify="right")
    for label, name in enumerate(found.payload.class_names[:_SHOWN_CLASSES]):
        cells = [str(label), for_terminal(name), f"{int(found.per_class[label]):,}"]
        if counts is not None:
            cells.append(f"{int(counts[label]):,}")
        table.add_row(*(Text(cell) for cell in cells))
    output.show(table)
    if found.payload.class_count > _SHOWN_CLASSES:
        output.say(f"... and {found.payload.class_count - _SHOWN_CLASSES:,} more classes")
