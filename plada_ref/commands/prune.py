"""``plada prune``: keep the most useful images of a score table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .encode import read_metadata
from .exit_codes import command, resumes
from .options import compare
from .options import model as options
from .options.common import AsJson, Seed

if TYPE_CHECKING:
    from ..selection import Selection
    from ..selection.auto_record import AutoSelection
    from ..selection.prune import Pruned

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
    task: compare.TaskOption = None,
    manifest: compare.ManifestOption = None,
    pool: compare.PoolOption = None,
    model: compare.ModelOption = None,
    weights: options.WeightsOption = None,
    pretrained: options.PretrainedOption = False,
    img_size: options.ImgSizeOption = None,
    via_size: options.ViaSizeOption = None,
    grey: options.GreyOption = False,
    features: compare.FeaturesOption = None,
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
    from ..selection import RANKINGS, Size
    from ..selection import file as selection_file
    from ..selection.auto import AUTO
    from ..selection.budget import parse_bytes
    from ..selection.producer import Producer
    from ..selection.prune import PayloadOptions

    output = Output(as_json=as_json)
    size = Size(
        keep_rate=keep_rate,
        count=count,
        budget=None if budget is None else parse_bytes(budget),
    )
    if dense and budget is None:
        raise Misuse("--dense says how a --budget is counted; give it to plada encode instead.")
    about = None if metadata is None else read_metadata(metadata)
    if by == AUTO:
        if budget is None:
            raise Misuse("--by auto chooses within a number of bytes; give --budget.")
        if safety_net:
            raise Misuse("--by auto tries the Safety-Net by itself; leave --safety-net out.")
        selection = None
    elif within is not None:
        raise Misuse("--within bounds the time of --by auto; leave it out.")
    else:
        selection = selection_of(by, safety_net=safety_net, alpha=alpha, share=share, seed=seed)
    table = ScoreTable.read(scores)
    comparison = None
    if selection is None or RANKINGS[selection.ranking].compares:
        asked = compare.CompareOptions(
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
        comparison = asked.open(f"--by {by}", output, table.pool.id)
    payload_options = PayloadOptions(dense=dense, named=not unnamed, metadata=about)
    producer = Producer(table, comparison, payload_options, seed, output)
    pruned = producer.make(selection, size, within=within)
    selection_file.write(pruned.payload, out)
    if pruned.auto is not None:
        show_auto(output, pruned.auto)
    show_pruned(output, pruned)
    kept = pruned.payload.kept
    output.say(f"{kept:,} of {table.pool.size:,} images kept by {pruned.selection}: {out}")
    # Of an automatic selection the next image may fit: a part of the budget can do better.
    next_bytes = None if pruned.auto else pruned.next_bytes
    if pruned.payload_bytes is not None:
        more = "" if next_bytes is None else f"; one image more takes {next_bytes:,}"
        how = " --dense" if dense else ""
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
            "out": str(out),
        }
        | ({} if pruned.auto is None else {"auto": pruned.auto.to_json()})
    )


def selection_of(by: str, *, safety_net: bool, alpha: float, share: float, seed: int) -> Selection:
    """Return the selection that these flags ask for.

    Raises:
        Misuse: for an unknown ranking or numbers out of range.
    """
    from ..selection import RANKINGS, SafetyNet, Selection
    from ..selection.auto import AUTO

    if by not in RANKINGS:
        raise Misuse(f"--by takes one of {', '.join(RANKINGS)} or {AUTO}; not {by!r}.")
    net = SafetyNet(share=share, alpha=alpha) if safety_net else None
    return Selection(ranking=by, safety_net=net, seed=seed)


def show_auto(output: Output, auto: AutoSelection) -> None:
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
