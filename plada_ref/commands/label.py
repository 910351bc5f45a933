"""``plada label``: the teacher's pseudo-labels and scores for a whole pool."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..errors import Misuse
from ..output import Output
from .exit_codes import command, resumes
from .options.address import readable
from .options.common import AsJson, Seed
from .options.compute import prepare
from .options.engine import ActorOptions
from .options.out import named, out_option, standing
from .options.pool import PoolOptions

if TYPE_CHECKING:
    from ..labelling.scores import Labelled
    from ..models.checkpoint import Checkpoint

_SHOWN_CLASSES = 30


@command
@resumes
def label(
    *,
    teacher: Annotated[
        Path,
        typer.Argument(
            metavar="TEACHER",
            help="A model by plada teach.",
            show_default=False,
            parser=readable(),
        ),
    ],
    local: PoolOptions,
    out: Annotated[
        Path,
        out_option("Where to write the score table", metavar="SCORES"),
    ],
    temperature: Annotated[
        float,
        typer.Option(
            min=0.01, max=1000, help="T of the energy -T log sum exp (z / T); 1 in the paper."
        ),
    ] = 1.0,
    keep_features: Annotated[
        bool,
        typer.Option(
            "--keep-features",
            help="Leave what the teacher's frozen backbone sees in SCORES.features, where plada "
            "prune --by auto and rankings that compare images find it: it takes a few kB an image, "
            "and they look at no image of the pool again.",
        ),
    ] = False,
    machine: ActorOptions,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Stream the pool through a teacher into a score table.

    One pass serves any number of selections. The table (Parquet) has a pseudo-label, energy,
    entropy and margin for each pool position. Shows how many pseudo-labels each class gets and
    warns of a collapse. Each image is verified against the manifest. Images that do not decode
    are counted and have no scores, so that nothing keeps them; plada pool verify --decode lists
    them.

    An interrupted run, even a killed one, goes on where it stopped when it is called again, and
    the table is the same. Nothing here is random; --seed is accepted and changes nothing.

    With --engine ray the pass runs on a cluster, each of whose nodes sees the pool's images under
    the same path or URL. --workers is then the number for each actor, 0 by default.

    Example: `plada label teacher.safetensors -m pool.parquet --pool 'shards/*.tar' -o
    scores.parquet`
    """
    prepare("plada label")
    import torch

    from ..features.cache import FeatureCache, features_beside
    from ..labelling.collapse import find_collapse
    from ..labelling.label import forget_parts, label_to, parts_folder
    from ..models.checkpoint import Checkpoint

    output = Output(as_json=as_json)
    started = time.monotonic()
    if machine.threads is not None:
        torch.set_num_threads(machine.threads)
    model = Checkpoint.read(teacher)
    if keep_features:
        _check_features(model, machine)
    # A cluster's nodes need not see the manifest.
    pool = local.open_whole() if machine.engine == "ray" else local.open()
    with standing(out) as file, machine.labelling(output) as (compute, engine):
        parts = parts_folder(file)
        found = label_to(
            file,
            pool,
            model,
            compute=compute,
            parts=parts,
            cache=FeatureCache.of_pool(features_beside(out), pool) if keep_features else None,
            engine=engine,
            temperature=temperature,
            max_unreadable=local.max_unreadable,
        )
        forget_parts(parts)
    show_histogram(output, found)
    skipped = f", {found.unreadable:,} unreadable" if found.unreadable else ""
    output.say(f"{found.pool.size - found.unreadable:,} images labelled{skipped}: {named(out)}")
    collapse = find_collapse(found.pseudo_labels)
    output.result(
        {
            "scores": named(out),
            "pool_id": found.pool.id.hex(),
            "pool_size": found.pool.size,
            "unreadable": found.unreadable,
            "teacher": found.teacher,
            "temperature": found.temperature,
            "bfloat16": found.bfloat16,
            "decoder": found.decoder,
            "classes": list(found.classes),
            "pseudo_labels_per_class": found.pseudo_labels.tolist(),
            "starved": [found.classes[c] for c in collapse.starved],
            "swallowing": None
            if collapse.swallowing is None
            else found.classes[collapse.swallowing],
            "seconds": round(time.monotonic() - started, 3),
        }
    )


def _check_features(teacher: Checkpoint, machine: ActorOptions) -> None:
    """Check that this teacher's features are of use, and are made here.

    Raises:
        Misuse: if not.
    """
    from ..labelling.label import leaves_features

    if machine.engine == "ray":
        raise Misuse(
            "--keep-features goes with --engine local: a cluster's nodes have no folder in common."
        )
    if not leaves_features(teacher):
        raise Misuse(
            "--keep-features is for a teacher with a frozen backbone (plada teach --tune head); no "
            "student begins with the backbone of this one. Leave it out."
        )


def show_histogram(output: Output, labelled: Labelled) -> None:
    """Show the pseudo-labels of each class as bars."""
    counts = labelled.pseudo_labels
    shown = Table(title="Pseudo-labels per class", title_justify="left")
    shown.add_column("class")
    shown.add_column("images", justify="right")
    shown.add_column("share", justify="right")
    shown.add_column("")
    most = max(1, int(counts.max()))
    rows = list(zip(labelled.classes, counts.tolist(), strict=True))
    for name, count in rows[:_SHOWN_CLASSES]:
        share = 100 * count / max(1, labelled.pool.size)
        bar = "█" * round(30 * count / most)
        shown.add_row(Text(for_terminal(name)), f"{count:,}", f"{share:.1f} %", bar)
    output.show(shown)
    if len(rows) > _SHOWN_CLASSES:
        output.say(f"... and {len(rows) - _SHOWN_CLASSES:,} more classes")
