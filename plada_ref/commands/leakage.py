"""``plada leakage``: how much of a task's test images the pool holds already."""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import typer

from pladafmt.text import for_terminal

from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.common import AsJson
from .options.pool import PoolOptions
from .options.task import TaskOptions

_SHOWN = 10
_LISTED = 1000


@command
def leakage(
    *,
    task: TaskOptions,
    local: PoolOptions,
    split: Annotated[str, typer.Option(help="The part of the task to look for.")] = "test",
    near: Annotated[
        int,
        typer.Option(
            min=0,
            max=16,
            help="Bits of 64 by which the perceptual hashes of near duplicates differ at most.",
        ),
    ] = 4,
    as_json: AsJson = False,
) -> None:
    """Look for a task's test images in the pool: a student may have learned from them.

    Exact duplicates have equal pixels; near ones have nearly equal perceptual hashes. Flat images,
    which have no hash to speak of, are compared by their pixels alone.

    Example: `plada leakage --task cifar10 -m pool.parquet --pool 'shards/*.tar'`
    """
    need("imagehash", extra="ref", for_="plada leakage")
    need("pyarrow", extra="ref", for_="plada leakage")
    from ..images import check_early
    from ..pool import UnreadableImages
    from ..tasks.leakage import fingerprints, look_for

    output = Output(as_json=as_json)
    started = time.monotonic()
    _ = local.listed  # Refused before the task is read.
    wanted = task.load(split, output)
    pool = local.open()
    check_early(pool)
    found = look_for(
        fingerprints(wanted.images, what="Images of the task", progress=output),
        pool,
        what="Images of the pool",
        progress=output,
        unreadable=UnreadableImages(pool, len(pool), local.max_unreadable),
        near=near,
    )
    positions = np.unique([match.position for match in found.matches])
    keys = pool.manifest.select(positions, check=False)
    rows = [
        {
            "image": wanted.keys[match.row],
            "position": match.position,
            "key": keys.key(match.position),
            "exact": match.exact,
            "distance": match.distance,
        }
        for match in found.matches
    ]
    for row in rows[:_SHOWN]:
        how = "exactly" if row["exact"] else f"nearly ({row['distance']} bits)"
        output.say(
            f"{for_terminal(str(row['image']))} is in the pool {how}: position "
            f"{row['position']}, {for_terminal(str(row['key']))}"
        )
    if len(rows) > _SHOWN:
        output.say(f"... and {len(rows) - _SHOWN:,} more")
    part = "" if split == "all" else f"{split} "
    output.say(
        f"{len(rows):,} of {found.images:,} {part}images found ({found.exact:,} exact, "
        f"{len(rows) - found.exact:,} near); {found.flat:,} too uniform to hash"
    )
    output.result(
        {
            "images": found.images,
            "skipped": dict(wanted.skipped),
            "pool_size": found.pool_size,
            "unreadable": found.unreadable,
            "exact": found.exact,
            "near": len(rows) - found.exact,
            "fraction": found.fraction,
            "flat": found.flat,
            "threshold": near,
            "matches": rows[:_LISTED],
            "seconds": round(time.monotonic() - started, 3),
        }
    )
