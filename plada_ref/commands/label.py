"""``plada label``: the teacher's pseudo-labels and scores for a whole pool."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..output import Output
from .exit_codes import command, resumes
from .options import engine as engines
from .options import model as options
from .options.common import AsJson, Seed

if TYPE_CHECKING:
    from ..labelling.scores import ScoreTable

_SHOWN_CLASSES = 30


@command
@resumes
def label(
    teacher: Annotated[
        Path,
        typer.Argument(metavar="TEACHER", help="A model by plada teach.", show_default=False),
    ],
    manifest: options.ManifestOption,
    pool: options.PoolOption,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="SCORES", help="Where to write the score table."),
    ],
    batch_size: options.BatchSizeOption = 64,
    temperature: Annotated[
        float,
        typer.Option(
            min=0.01, max=1000, help="T of the energy -T log sum exp (z / T); 1 in the paper."
        ),
    ] = 1.0,
    device: options.DeviceOption = "auto",
    workers: options.WorkersOption = None,
    threads: engines.ThreadsOption = None,
    engine: engines.EngineOption = "local",
    address: engines.AddressOption = None,
    actors: engines.ActorsOption = None,
    gpus_per_actor: engines.GpusOption = 1.0,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Stream the pool through a teacher into a score table.

    One pass serves any number of selections. The table (Parquet) has a pseudo-label, energy,
    entropy and margin for each pool position. Shows how many pseudo-labels each class gets and
    warns of a collapse. Each image is verified against the manifest.

    An interrupted run, even a killed one, goes on where it stopped when it is called again, and
    the table is the same. Nothing here is random; --seed is accepted and changes nothing.

    With --engine ray the pass runs on a cluster, each of whose nodes sees the pool's images under
    the same path or URL. --workers is then the number beside each actor, 0 by default.

    Example: `plada label teacher.safetensors -m pool.parquet --pool 'shards/*.tar' -o
    scores.parquet`
    """
    options.prepare("plada label")
    import torch

    from ..compute.context import Compute
    from ..labelling.collapse import find_collapse
    from ..labelling.label import forget_parts, parts_folder
    from ..labelling.label import label as label_pool
    from ..models.checkpoint import Checkpoint

    output = Output(as_json=as_json)
    started = time.monotonic()
    if threads is not None:
        torch.set_num_threads(threads)
    model = Checkpoint.read(teacher)
    # A cluster's nodes need not see the manifest.
    images = (options.open_pool if engine == "local" else options.open_whole_pool)(manifest, pool)
    parts = parts_folder(out)
    with engines.labelling(
        engine,
        device,
        address=address,
        actors=actors,
        gpus=gpus_per_actor,
    ) as (where, run_on):
        table = label_pool(
            images,
            model,
            compute=Compute(where, workers, batch_size, output),
            parts=parts,
            engine=run_on,
            temperature=temperature,
        )
    table.write(out)
    forget_parts(parts)
    show_histogram(output, table)
    output.say(f"{len(table):,} images labelled: {out}")
    histogram = table.histogram()
    collapse = find_collapse(histogram)
    output.result(
        {
            "scores": str(out),
            "pool_id": table.pool.id.hex(),
            "pool_size": table.pool.size,
            "teacher": table.teacher,
            "temperature": table.temperature,
            "classes": list(table.classes),
            "pseudo_labels_per_class": histogram.tolist(),
            "starved": [table.classes[c] for c in collapse.starved],
            "swallowing": None
            if collapse.swallowing is None
            else table.classes[collapse.swallowing],
            "seconds": round(time.monotonic() - started, 3),
        }
    )


def show_histogram(output: Output, table: ScoreTable) -> None:
    """Show the pseudo-labels of each class as bars."""
    histogram = table.histogram()
    shown = Table(title="Pseudo-labels per class", title_justify="left")
    shown.add_column("class")
    shown.add_column("images", justify="right")
    shown.add_column("share", justify="right")
    shown.add_column("")
    most = max(1, int(histogram.max()))
    rows = list(zip(table.classes, histogram.tolist(), strict=True))
    for name, count in rows[:_SHOWN_CLASSES]:
        share = 100 * count / max(1, len(table))
        bar = "█" * round(30 * count / most)
        shown.add_row(Text(for_terminal(name)), f"{count:,}", f"{share:.1f} %", bar)
    output.show(shown)
    if len(rows) > _SHOWN_CLASSES:
        output.say(f"... and {len(rows) - _SHOWN_CLASSES:,} more classes")
