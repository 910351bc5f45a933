"""``plada prune``: keep the most useful images of a score table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..errors import Misuse
from ..extras import need
from ..output import Output
from .encode import read_metadata
from .options import AsJson, Seed
from .run import command

if TYPE_CHECKING:
    from ..prune import Pruned
    from ..selection import Selection

_SHOWN_CLASSES = 30

RankingOption = Annotated[
    str,
    typer.Option(
        "--by",
        help="What is kept first: low-energy (the paper's rule), low-entropy or high-margin, what "
        "the teacher is surest of; high-energy, high-entropy or low-margin, the opposite; random.",
    ),
]
SafetyNetOption = Annotated[
    bool,
    typer.Option(
        "--safety-net", help="Reserve a share of the budget for per-class quotas (see --alpha)."
    ),
]
AlphaOption = Annotated[
    float,
    typer.Option(
        help="Safety-Net: quotas are proportional to N_c^alpha, N_c being the class's "
        "pseudo-labels in the pool: 1 proportional, 0 equal, below 0 favours rare classes."
    ),
]
ShareOption = Annotated[
    float, typer.Option(help="Safety-Net: the share of the kept images that quotas govern.")
]


@command
def prune(
    scores: Annotated[
        Path,
        typer.Argument(metavar="SCORES", help="A score table by plada label.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the selection.")],
    keep_rate: Annotated[
        float | None, typer.Option(help="Kept images / pool size: 0.01 keeps 1 %.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Number of images to keep.")] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Bytes of the whole .plada file, such as 800, 20KB or 1.5KiB: what fits is kept."
        ),
    ] = None,
    dense: Annotated[
        bool, typer.Option("--dense", help="With --budget: count on plada encode --dense.")
    ] = False,
    unnamed: Annotated[
        bool, typer.Option("--unnamed", help="Leave the class names out; they cost bytes.")
    ] = False,
    metadata: Annotated[
        Path | None, typer.Option(help="A JSON file with an object to put into the payload.")
    ] = None,
    by: RankingOption = "low-energy",
    safety_net: SafetyNetOption = False,
    alpha: AlphaOption = 0.0,
    share: ShareOption = 0.5,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Select the images that a payload will name.

    How many: a keep rate, a count, or a budget of bytes. A budget is met exactly: the file that is
    encoded from the selection fits, and with one more image it would not.

    Reports how many images each class keeps and warns when a class has vanished. The same scores,
    rule and seed give the same selection on any machine; docs/selection.md says how ties, rounding
    and empty classes are settled.

    Example: `plada prune scores.parquet --keep-rate 0.01 --safety-net -o selection.parquet`
    """
    need("pyarrow", extra="ref", for_="plada prune")
    from pladafmt import dumps

    from .. import selection_file
    from ..budget import fit, parse_bytes
    from ..prune import prune as prune_table
    from ..scores import ScoreTable
    from ..selection import count_of

    output = Output(as_json=as_json)
    rule = rule_from(by, safety_net=safety_net, alpha=alpha, share=share, seed=seed)
    if sum(value is not None for value in (keep_rate, count, budget)) != 1:
        raise Misuse("Give one of --keep-rate, --count and --budget.")
    if dense and budget is None:
        raise Misuse("--dense says how a --budget is counted; give it to plada encode instead.")
    wanted = None if budget is None else parse_bytes(budget)
    about = None if metadata is None else read_metadata(metadata)
    table = ScoreTable.read(scores)

    def pruned_to(keep: int) -> Pruned:
        return prune_table(table, rule, keep, metadata=about, named=not unnamed)

    found = None
    if wanted is None:
        keep = count_of(table.pool.size, keep_rate=keep_rate, count=count)
    else:
        with output.progress("Trying sizes", None) as advance:

            def size_of(keep: int) -> int:
                advance(1)
                return len(dumps(pruned_to(keep).payload, dense=dense))

            found = fit(size_of, table.pool.size, wanted)
        keep = found.keep
    pruned = pruned_to(keep)
    selection_file.write(pruned.payload, out)
    show_pruned(output, pruned)
    output.say(f"{keep:,} of {table.pool.size:,} images kept by {rule.name}: {out}")
    if found is not None:
        more = "" if found.next_size is None else f"; one image more takes {found.next_size:,}"
        how = " --dense" if dense else ""
        output.say(f"plada encode{how} makes a file of {found.size:,} bytes of it{more}.")
    output.result(
        {
            "selection": rule.name,
            "kept": keep,
            "payload_bytes": None if found is None else found.size,
            "next_payload_bytes": None if found is None else found.next_size,
            "pool_size": table.pool.size,
            "classes": list(table.classes),
            "pseudo_labels_per_class": pruned.supply.tolist(),
            "kept_per_class": pruned.kept.tolist(),
            "vanished": pruned.vanished,
            "out": str(out),
        }
    )


def rule_from(by: str, *, safety_net: bool, alpha: float, share: float, seed: int) -> Selection:
    """Return the selection that these flags ask for.

    Raises:
        Misuse: for an unknown ranking or numbers out of range.
    """
    from ..selection import RANKINGS, SafetyNet, Selection

    if by not in RANKINGS:
        raise Misuse(f"--by takes one of {', '.join(RANKINGS)}; not {by!r}.")
    net = SafetyNet(share=share, alpha=alpha) if safety_net else None
    return Selection(ranking=by, safety_net=net, seed=seed)


def show_pruned(output: Output, pruned: Pruned) -> None:
    """Show what a selection kept of each class and warn of classes that vanished."""
    table = Table(title="Kept per class", title_justify="left")
    table.add_column("class")
    for heading in ("in pool", "kept"):
        table.add_column(heading, justify="right")
    names = pruned.payload.class_names
    for name, supply, kept in list(zip(names, pruned.supply, pruned.kept, strict=True))[
        :_SHOWN_CLASSES
    ]:
        table.add_row(Text(for_terminal(name)), f"{supply:,}", f"{kept:,}")
    output.show(table)
    if len(names) > _SHOWN_CLASSES:
        output.say(f"... and {len(names) - _SHOWN_CLASSES:,} more classes")
    if pruned.vanished:
        shown = ", ".join(for_terminal(name) for name in pruned.vanished[:10])
        more = f" and {len(pruned.vanished) - 10} more" if len(pruned.vanished) > 10 else ""
        output.warn(
            f"No image is kept for {len(pruned.vanished)} of {len(names)} classes: {shown}{more}. "
            "A student cannot learn them; try --safety-net or a higher keep rate."
        )
