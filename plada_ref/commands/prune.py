"""``plada prune``: keep the most useful images of a score table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .encode import read_metadata
from .exit_codes import command, resumes
from .options import compare as sight
from .options import model as options
from .options.common import AsJson, Seed

if TYPE_CHECKING:
    from ..labelling.scores import ScoreTable
    from ..selection import Selection
    from ..selection.auto import Choice
    from ..selection.prune import Pruned

AUTO = "auto"
"""In place of a ranking: the automatic choice."""

_SHOWN_CLASSES = 30

RankingOption = Annotated[
    str,
    typer.Option(
        "--by",
        help="What is kept first: low-energy (the paper's rule), low-entropy, high-margin or "
        "high-probability, what the teacher is surest of; high-energy and so on, the opposite; "
        "consensus of the four; random. Comparing images (see --task): herding, gradient-matching, "
        "herding-logits, prototype, k-center. auto: whichever teaches best within --budget.",
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
@resumes
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
    within: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="With auto: begin no further trial after this time."),
    ] = None,
    task: sight.TaskOption = None,
    manifest: sight.ManifestOption = None,
    pool: sight.PoolOption = None,
    model: sight.ModelOption = None,
    weights: options.WeightsOption = None,
    pretrained: options.PretrainedOption = False,
    img_size: options.ImgSizeOption = None,
    via_size: options.ViaSizeOption = None,
    grey: options.GreyOption = False,
    features: sight.FeaturesOption = None,
    device: options.DeviceOption = "auto",
    workers: options.WorkersOption = None,
    download: options.DownloadOption = False,
    seed: Seed = 0,
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
    from ..selection import file as selection_file
    from ..selection.budget import parse_bytes

    output = Output(as_json=as_json)
    if sum(value is not None for value in (keep_rate, count, budget)) != 1:
        raise Misuse("Give one of --keep-rate, --count and --budget.")
    if dense and budget is None:
        raise Misuse("--dense says how a --budget is counted; give it to plada encode instead.")
    wanted = None if budget is None else parse_bytes(budget)
    about = None if metadata is None else read_metadata(metadata)
    if by == AUTO:
        if wanted is None:
            raise Misuse("--by auto chooses within a number of bytes; give --budget.")
        if safety_net:
            raise Misuse("--by auto tries the Safety-Net by itself; leave --safety-net out.")
    elif within is not None:
        raise Misuse("--within bounds the time of --by auto; leave it out.")
    rule = (
        None
        if by == AUTO
        else rule_from(by, safety_net=safety_net, alpha=alpha, share=share, seed=seed)
    )
    table = ScoreTable.read(scores)
    asked = sight.Asked(
        task=task,
        manifest=manifest,
        pool=pool,
        model=model,
        weights=weights,
        pretrained=pretrained,
        img_size=img_size,
        via_size=via_size,
        grey=grey,
        features=features or scores.with_name(f"{scores.name}.features"),
        device=device,
        workers=workers,
        download=download,
    )
    if rule is None:
        assert wanted is not None
        result = _chosen(
            table,
            asked,
            wanted,
            output,
            dense=dense,
            named=not unnamed,
            metadata=about,
            within=within,
            seed=seed,
        )
    else:
        result = _selected(
            table,
            asked,
            rule,
            output,
            keep_rate=keep_rate,
            count=count,
            budget=wanted,
            dense=dense,
            named=not unnamed,
            metadata=about,
        )
    pruned = result.pruned
    selection_file.write(pruned.payload, out)
    show_pruned(output, pruned)
    output.say(
        f"{pruned.payload.kept:,} of {table.pool.size:,} images kept by {result.name}: {out}"
    )
    if result.payload_bytes is not None:
        more = "" if result.next_bytes is None else f"; one image more takes {result.next_bytes:,}"
        how = " --dense" if dense else ""
        output.say(f"plada encode{how} makes a file of {result.payload_bytes:,} bytes of it{more}.")
    output.result(
        {
            "selection": result.name,
            "kept": pruned.payload.kept,
            "payload_bytes": result.payload_bytes,
            "next_payload_bytes": result.next_bytes,
            "pool_size": table.pool.size,
            "classes": list(table.classes),
            "pseudo_labels_per_class": pruned.supply.tolist(),
            "kept_per_class": pruned.kept.tolist(),
            "vanished": pruned.vanished,
            "out": str(out),
        }
        | ({} if result.choice is None else {"auto": result.choice})
    )


@dataclass(frozen=True)
class _Result:
    name: str
    pruned: Pruned
    payload_bytes: int | None = None
    next_bytes: int | None = None
    choice: dict[str, Any] | None = None


def _selected(
    table: ScoreTable,
    asked: sight.Asked,
    rule: Selection,
    output: Output,
    *,
    keep_rate: float | None,
    count: int | None,
    budget: int | None,
    dense: bool,
    named: bool,
    metadata: dict[str, Any] | None,
) -> _Result:
    from pladafmt import dumps

    from ..selection import RANKINGS, count_of, rank
    from ..selection.budget import fit
    from ..selection.prune import Pruner, evidence_of

    evidence = evidence_of(table)
    if RANKINGS[rule.ranking].compares:
        seen, features, learned = asked.open(f"--by {rule.ranking}", output, table.pool.id)
        evidence = evidence_of(table, features, seen.target(learned))
    pruner = Pruner(table, rank(evidence, rule), metadata, named)
    if budget is None:
        keep = count_of(table.pool.size, keep_rate=keep_rate, count=count)
        return _Result(rule.name, pruner(keep))
    with output.track("Trying sizes", None) as advance:

        def size_of(keep: int) -> int:
            advance(1)
            return len(dumps(pruner(keep).payload, dense=dense))

        found = fit(size_of, table.pool.size, budget)
    return _Result(rule.name, pruner(found.keep), found.size, found.next_size)


def _chosen(
    table: ScoreTable,
    asked: sight.Asked,
    budget: int,
    output: Output,
    *,
    dense: bool,
    named: bool,
    metadata: dict[str, Any] | None,
    within: float | None,
    seed: int,
) -> _Result:
    from ..selection.auto import HELD_OUT, Chooser
    from ..tasks.task import hold_out

    seen, features, learned = asked.open("--by auto", output, table.pool.id)
    rest, held = hold_out(learned, HELD_OUT, seed=seed)
    chooser = Chooser(
        table,
        features,
        seen.target(rest),
        seen.target(held),
        dense=dense,
        named=named,
        metadata=metadata,
        seed=seed,
    )
    choice = chooser.choose(budget, progress=output, within=within)
    show_choice(output, choice)
    return _Result(choice.rule.name, choice.pruned, choice.payload_bytes, choice=choice.to_json())


def rule_from(by: str, *, safety_net: bool, alpha: float, share: float, seed: int) -> Selection:
    """Return the selection that these flags ask for.

    Raises:
        Misuse: for an unknown ranking or numbers out of range.
    """
    from ..selection import RANKINGS, SafetyNet, Selection

    if by not in RANKINGS:
        raise Misuse(f"--by takes one of {', '.join(RANKINGS)} or {AUTO}; not {by!r}.")
    net = SafetyNet(share=share, alpha=alpha) if safety_net else None
    return Selection(ranking=by, safety_net=net, seed=seed)


def show_choice(output: Output, choice: Choice) -> None:
    """Show every payload that was tried, and the verdict."""
    table = Table(title="Payloads that were tried", title_justify="left")
    table.add_column("selection")
    for heading in ("kept", "payload bytes", "held-out accuracy"):
        table.add_column(heading, justify="right")
    for candidate in choice.candidates:
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
    if choice.carried:
        output.say(choice.verdict)
    else:
        output.warn(choice.verdict)


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
