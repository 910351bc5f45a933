"""``plada prune``: keep the most useful images of a score table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .exit_codes import command, resumes
from .options.common import AsJson
from .options.compare import CompareOptions
from .options.encoding import ContentOptions
from .options.out import named, out_option
from .options.selection import SelectionOptions, SizeOptions

if TYPE_CHECKING:
    from ..selection.auto_record import AutoSelection
    from ..selection.prune import PayloadOptions, Pruned

_SHOWN_CLASSES = 30


@dataclass(frozen=True, kw_only=True)
class BudgetedContentOptions(ContentOptions):
    """The same with the encoding that a budget of bytes counts on."""

    dense: Annotated[
        bool, typer.Option("--dense", help="With --budget: count on plada encode --dense.")
    ] = False

    def options(self) -> PayloadOptions:
        """Return the options of the payload.

        Raises:
            Misuse, OSError: if the metadata cannot be read.
        """
        from ..selection.prune import PayloadOptions

        return PayloadOptions(
            dense=self.dense, named=not self.unnamed, metadata=self.read_metadata()
        )


@command
@resumes
def prune(
    *,
    scores: Annotated[
        Path,
        typer.Argument(metavar="SCORES", help="A score table by plada label.", show_default=False),
    ],
    out: Annotated[Path, out_option("Where to write the selection")],
    number: SizeOptions,
    content: BudgetedContentOptions,
    rule: SelectionOptions,
    compared: CompareOptions,
    as_json: AsJson = False,
) -> None:
    """Select the images that a payload will name.

    How many: a keep rate, a count, or a budget of bytes. A budget is met exactly: the file that is
    encoded from the selection fits, and with one more image it would not.

    Reports how many images each class keeps and warns when a class has vanished. The same scores,
    rule and seed give the same selection on any machine; docs/selection.md says how ties, rounding
    and empty classes are settled.

    With --by auto, small students are trained on candidate payloads and scored on a fifth of the
    task's training images that is held out; the report lists every candidate, and says so if the
    pool cannot carry the task.

    Example: `plada prune scores.parquet --keep-rate 0.01 --safety-net -o selection.parquet`

    Example: `plada prune scores.parquet --by auto --budget 2KB --dense --task cifar10
    -m pool.parquet --pool 'shards/*.tar' --model tf_efficientnet_lite0 --weights lite0.safetensors
    --img-size 96 --via-size 32 -o selection.parquet`
    """
    need("pyarrow", extra="ref", for_="plada prune")
    from ..labelling.scores import ScoreTable
    from ..selection import RANKINGS
    from ..selection import file as selection_file
    from ..selection.producer import Producer

    output = Output(as_json=as_json)
    size = number.size()
    if content.dense and size.budget is None:
        raise Misuse("--dense says how a --budget is counted; give it to plada encode instead.")
    options = content.options()
    selection = rule.selection(size)
    table = ScoreTable.read(scores)
    comparison = None
    if selection is None or RANKINGS[selection.ranking].compares:
        comparison = compared.open(f"--by {rule.by}", scores, table.pool.id, output)
    producer = Producer(table, comparison, options, rule.seed, output)
    pruned = producer.make(selection, size, within=rule.within)
    selection_file.write(pruned.payload, out)
    if pruned.auto is not None:
        _show_auto(output, pruned.auto)
    _show_pruned(output, pruned)
    kept = pruned.payload.kept
    output.say(f"{kept:,} of {table.pool.size:,} images kept by {pruned.selection}: {named(out)}")
    # Of an automatic selection the next image may fit: a part of the budget can do better.
    next_bytes = None if pruned.auto else pruned.next_bytes
    if pruned.payload_bytes is not None:
        more = "" if next_bytes is None else f"; one image more takes {next_bytes:,}"
        how = " --dense" if content.dense else ""
        output.say(f"plada encode{how} makes a file of {pruned.payload_bytes:,} bytes of it{more}.")
    output.result(
        {
            "selection": str(pruned.selection),
            "kept": kept,
            "payload_bytes": pruned.payload_bytes,
            "next_payload_bytes": next_bytes,
            "pool_size": table.pool.size,
            "classes": list(table.classes),
            "pseudo_labels_per_class": pruned.supply.tolist(),
            "kept_per_class": pruned.kept.tolist(),
            "vanished": pruned.vanished,
            "skipped": {} if comparison is None else dict(comparison.task.skipped),
            "out": named(out),
        }
        | ({} if pruned.auto is None else {"auto": pruned.auto.to_json()})
    )


def _show_auto(output: Output, auto: AutoSelection) -> None:
    """Show every payload that was tried, and the verdict."""
    table = Table(title="Payloads that were tried", title_justify="left")
    table.add_column("selection")
    for heading in ("kept", "payload bytes", "held-out accuracy"):
        table.add_column(heading, justify="right")
    for candidate in auto.candidates:
        if candidate.note:
            table.add_row(candidate.selection, "", "", candidate.note)
        else:
            table.add_row(
                candidate.selection,
                f"{candidate.kept:,}",
                f"{candidate.payload_bytes:,}",
                f"{100 * candidate.held_out_accuracy:.1f} %",
            )
    output.show(table)
    (output.say if auto.carried else output.warn)(auto.verdict)


def _show_pruned(output: Output, pruned: Pruned) -> None:
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
