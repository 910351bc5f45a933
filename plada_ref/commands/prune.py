"""``plada prune``: keep the most useful images of a score table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.table import Table
from rich.text import Text

from pladafmt import Payload, dump
from pladafmt.text import for_terminal

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .exit_codes import command, resumes
from .options.common import AsJson
from .options.compare import CompareOptions
from .options.encoding import ContentOptions
from .options.out import named, out_option
from .options.rule import RULE_OPTIONS, RuleOptions
from .options.selection import SelectionOptions, SizeOptions

if TYPE_CHECKING:
    from ..labelling.scores import ScoreTable
    from ..models.spec import ModelSpec
    from ..selection import file as selection_file
    from ..selection.auto_record import AutoSelection
    from ..selection.comparison import Comparison
    from ..selection.prune import PayloadOptions, Pruned
    from ..selection.rules.source import RuleSource

Counts = npt.NDArray[np.int64]

_SHOWN_CLASSES = 30

PAYLOAD = ".plada"
"""The ending of the name of a payload's file."""


@dataclass(frozen=True, kw_only=True)
class BudgetedContentOptions(ContentOptions):
    """The same with the encoding that a budget of bytes counts on."""

    dense: Annotated[
        bool,
        typer.Option(
            "--dense",
            help="Count a --budget on the dense encoding; take it, where OUT ends in .plada.",
        ),
    ] = False

    def options(self) -> PayloadOptions:
        """Return the options of the payload.

        Raises:
            Misuse, OSError: if the metadata cannot be read.
        """
        from ..selection.prune import PayloadOptions

        return PayloadOptions(
            dense=self.dense,
            named=not self.unnamed,
            metadata=self.read_metadata(),
            described=not self.no_metadata,
        )


@command
@resumes
def prune(
    *,
    scores: Annotated[
        Path,
        typer.Argument(metavar="SCORES", help="A score table by plada label.", show_default=False),
    ],
    out: Annotated[
        Path,
        out_option("Where to write the selection; NAME.plada: the payload itself, as plada encode"),
    ],
    number: SizeOptions,
    content: BudgetedContentOptions,
    rule: SelectionOptions,
    compared: CompareOptions,
    codes: RuleOptions,
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
    pool cannot carry the task. --students says what the clients train; heads take seconds, whole
    networks minutes for each candidate. The best payload, where heads decide the best two, is then
    made again with the images that were held out. Where codes and their projection lie beside the
    manifest, or are named, a rule is one of the candidates.

    With --by rule, images are kept by a rule over the codes that the pool's publisher ships (plada
    pool codes): a small matrix of integers, whose bytes do not grow with the images. With --task
    and the projection, it is fitted to the task's own images and chosen by a fifth of them; else it
    is fitted to the teacher's labels. A --count or --keep-rate is met nearly. See docs/rules.md.

    A selection can be encoded in several ways (plada encode). Where OUT ends in .plada, it is
    encoded at once.

    Example: `plada prune scores.parquet --keep-rate 0.01 --safety-net -o selection.parquet`

    Example: `plada prune scores.parquet --budget 2KB --safety-net -o task.plada`

    Example: `plada prune scores.parquet --by auto --budget 2KB --dense --task cifar10
    -m pool.parquet --pool 'shards/*.tar' --model tf_efficientnet_lite0 --weights lite0.safetensors
    --img-size 96 --via-size 32 -o selection.parquet`

    Example: `plada prune scores.parquet --by rule --budget 350 --unnamed -m pool.parquet --task
    cifar10 --weights lite0.safetensors -o selection.parquet`
    """
    need("pyarrow", extra="pool", for_="plada prune")
    from ..labelling.scores import ScoreTable
    from ..selection import RANKINGS, Selection
    from ..selection import file as selection_file
    from ..selection.producer import Producer
    from ..selection.rule import RuleSelection
    from ..selection.students import HEAD
    from ..training.advice import Advice

    output = Output(as_json=as_json)
    size = number.size()
    encoded = out.suffix == PAYLOAD
    if content.dense and size.budget is None and not encoded:
        raise Misuse("--dense says how a --budget is counted; give it to plada encode instead.")
    options, kinds = content.options(), rule.kinds()
    selection = rule.selection(size)
    if selection is None and kinds and HEAD not in kinds:
        options = replace(options, recipe=Advice(tune="all"))  # What it is chosen for.
    if isinstance(selection, Selection) and codes.given():
        raise Misuse(f"{RULE_OPTIONS} go with --by rule or --by auto.")
    table = ScoreTable.read(scores)
    comparison = rules = None
    if isinstance(selection, RuleSelection):
        rules = codes.by_rule(compared, table.pool, output)
    elif selection is None or RANKINGS[selection.ranking].compares:
        comparison = compared.compare(f"--by {rule.by}", scores, table, output)
    if selection is None and comparison is not None:
        rules = _tried_by_auto(codes, compared, comparison, table)
    producer = Producer(table, comparison, options, rule.seed, output, rules, kinds)
    pruned = producer.make(selection, size, within=rule.within)
    by = None
    if pruned.by_rule is not None and rules is not None:
        by = selection_file.ByRule(pruned.by_rule.rule, rules.codes.path)
    if encoded:
        _encode(pruned.payload, out, by, rules, dense=content.dense)
        pruned = replace(pruned, payload_bytes=out.stat().st_size)
    else:
        selection_file.write(pruned.payload, out, by)
    encode = "" if encoded else "plada encode" + (" --dense" if content.dense else "")
    _show(output, pruned, table, out, encode, size.budget)
    task = comparison.task if comparison else rules.task if rules else None
    output.result(
        _facts(table, pruned, out)
        | {"skipped": {} if task is None else dict(task.skipped)}
        | ({} if by is None else {"codes": str(by.codes)})
    )


def _encode(
    payload: Payload,
    out: Path,
    by: selection_file.ByRule | None,
    rules: RuleSource | None,
    *,
    dense: bool,
) -> None:
    """Write the payload's file, whole or not at all."""
    rule, codes = None, None
    if by is not None and rules is not None:
        rule, codes = by.rule, rules.codes
    dump(payload, out, dense=dense, rule=rule, codes=codes)


def _tried_by_auto(
    codes: RuleOptions, compared: CompareOptions, comparison: Comparison, table: ScoreTable
) -> RuleSource | None:
    """What the automatic selection makes a rule from; None if it tries none, which is said."""

    def weights(model: str) -> ModelSpec:
        return compared.spec_of(model, compared.weights if model == compared.model else None)

    return codes.source_if_there(
        "--by auto, which tries a rule over the pool's codes,",
        compared.listed,
        table.pool,
        weights,
        comparison.backbone.compute,
    )


def _show(
    output: Output, pruned: Pruned, table: ScoreTable, out: Path, encode: str, budget: int | None
) -> None:
    """Say what was kept, by what, and how large the file becomes that `encode` makes.

    Args:
        encode: the command that is still to be called; empty if the payload is written.
        budget: bytes that were allowed, if they were what decided.
    """
    from ..selection.description import bytes_of

    payload, rule = pruned.payload, pruned.by_rule
    if pruned.auto is not None:
        _show_auto(output, pruned.auto)
    _show_kept(output, payload, pruned.supply, pruned.kept)
    how = str(pruned.selection)
    if rule is not None:
        how = f"a rule over {rule.rule.columns} codes with weights up to {rule.rule.top}"
    kept = f"{payload.kept:,} of {table.pool.size:,} images kept"
    output.say(f"{kept} by {how}: {named(out)}")
    unreadable = len(table.unreadable)
    if unreadable:
        output.say(f"{unreadable:,} images of the pool do not decode, and are never kept.")
    if rule is not None:
        record = rule.record
        images = {
            "task": "held-out target images",
            "pool": "the teacher's held-out labels",
        }[record.judged_by]
        output.say(
            f"{len(record.trials)} rules were tried; by {images} this one gets "
            f"{100 * record.accuracy:.1f} %."
        )
    by = f" by {encode}" if encode else ""
    if pruned.payload_bytes is not None and budget is None:
        output.say(f"{pruned.payload_bytes:,} bytes{by}")
    elif pruned.payload_bytes is not None:
        more = _next_bytes(pruned)
        then = "" if more is None else f"; one more image would need {more:,}"
        about = bytes_of(payload.metadata)
        spent = f"; metadata take {about:,} (see --no-metadata)" if about else ""
        output.say(f"{pruned.payload_bytes:,} of {budget:,} bytes used{by}{then}{spent}")


def _next_bytes(pruned: Pruned) -> int | None:
    # Of an automatic selection the next image may fit: a part of the budget can do better.
    return None if pruned.auto else pruned.next_bytes


def _facts(table: ScoreTable, pruned: Pruned, out: Path) -> dict[str, Any]:
    from ..selection.description import bytes_of

    facts = {
        "kept": pruned.payload.kept,
        "pool_size": table.pool.size,
        "unreadable": len(table.unreadable),
        "classes": list(table.classes),
        "pseudo_labels_per_class": pruned.supply.tolist(),
        "kept_per_class": pruned.kept.tolist(),
        "vanished": pruned.vanished,
        "out": named(out),
        "selection": str(pruned.selection),
        "payload_bytes": pruned.payload_bytes,
        "metadata_bytes": bytes_of(pruned.payload.metadata),
        "next_payload_bytes": _next_bytes(pruned),
    }
    if pruned.by_rule is not None:
        facts["rule"] = pruned.by_rule.record.to_json()
    return facts | ({} if pruned.auto is None else {"auto": pruned.auto.to_json()})


def _show_auto(output: Output, auto: AutoSelection) -> None:
    """Show every payload that was tried, the verdict, and where the time went."""
    from ..selection.students import HEAD

    table = Table(title="Payloads that were tried", title_justify="left")
    table.add_column("selection")
    kinds = (HEAD, *(kind for kind in auto.kinds if kind != HEAD))
    by_kind = (f"{kind}, held out" for kind in kinds)
    for heading in ("kept", "payload bytes", *by_kind, "made again"):
        table.add_column(heading, justify="right")
    for candidate in auto.candidates:
        if candidate.note:
            table.add_row(candidate.name, "", "", candidate.note)
        else:
            table.add_row(
                candidate.name,
                f"{candidate.kept:,}",
                f"{candidate.payload_bytes:,}",
                *(f"{100 * candidate.accuracy(kind):.1f} %" for kind in kinds),
                "" if candidate.again is None else f"{100 * candidate.again:.1f} %",
            )
    output.show(table)
    (output.say if auto.carried else output.warn)(auto.verdict)
    stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in auto.stages.items())
    output.say(f"time by what it was spent on: {stages}")


def _show_kept(output: Output, payload: Payload, supply: Counts, kept: Counts) -> None:
    """Show what a selection kept of each class and warn of classes that vanished."""
    table = Table(title="Kept per class", title_justify="left")
    table.add_column("class")
    for heading in ("in pool", "kept"):
        table.add_column(heading, justify="right")
    names = payload.class_names
    for name, there, taken in list(zip(names, supply, kept, strict=True))[:_SHOWN_CLASSES]:
        table.add_row(Text(for_terminal(name)), f"{there:,}", f"{taken:,}")
    output.show(table)
    if len(names) > _SHOWN_CLASSES:
        output.say(f"... and {len(names) - _SHOWN_CLASSES:,} more classes")
    from ..selection.prune import vanished

    gone = vanished(payload, kept)
    if gone:
        shown = ", ".join(for_terminal(name) for name in gone[:10])
        more = f" and {len(gone) - 10} more" if len(gone) > 10 else ""
        output.warn(
            f"No image is kept for {len(gone)} of {len(names)} classes: {shown}{more}. "
            "A student cannot learn them; try --safety-net or a higher keep rate."
        )
