"""``plada pool index --engine ray``: shards are hashed where a processor is free.

Plain Ray tasks: hashing needs nothing loaded, so Ray's own retries bring back a lost one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from ..errors import PipelineError, one_line
from ..pool import hashing
from ..pool import parts as stored
from ..pool.shard import OnProgress, Remarks, Shard
from ..pool.source import Source

_RETRIES = 3


def hash_on_ray(
    source: Source,
    parts: Path,
    on_progress: OnProgress | None = None,
    *,
    decode: bool = False,
) -> None:
    """Hash every shard of `source` that `parts` lacks, on the cluster this process is connected to.

    What `hash_to_parts` finds in `parts` afterwards is what it would have made itself. At most two
    shards for each processor of the cluster are under way at a time, whatever the pool's size.

    Args:
        source: its files must be reachable from every node, under the same path or URL.
        on_progress: called with the number of bytes just done, ``source.size()`` in all.
        decode: decode every image as well, see `hash_to_parts`.

    Raises:
        PipelineError: if a shard is damaged, or hashing it ends one worker after another.
    """
    running: dict[Any, Shard] = {}
    hash_there = ray.remote(num_cpus=1, max_retries=_RETRIES)(_hash)
    waiting = _missing(source, parts, on_progress, decode)
    window = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
    try:
        while True:
            for shard in islice(waiting, window - len(running)):
                running[hash_there.remote(shard, decode)] = shard
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1)
            for reference in done:
                shard = running.pop(reference)
                table, remarks = _result(reference, shard)
                shard.remarks.become(remarks)
                stored.store(shard, table, parts, decode=decode)
                if on_progress is not None:
                    on_progress(shard.size)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _hash(shard: Shard, decode: bool) -> tuple[Any, Remarks] | PipelineError:
    try:
        return hashing.hash_shard(shard, None, decode=decode), shard.remarks
    except PipelineError as exc:
        return exc  # As a value: Ray would bury the sentence in a traceback.


def _missing(
    source: Source, parts: Path, on_progress: OnProgress | None, decode: bool
) -> Iterator[Shard]:
    for shard in source.shards():
        if stored.load(shard, parts, decode=decode) is None:
            yield shard
        elif on_progress is not None:
            on_progress(shard.size)


def _result(reference: Any, shard: Shard) -> tuple[Any, Remarks]:
    try:
        result = ray.get(reference)
    except RayTaskError:
        raise  # An error of the program, with its traceback.
    except RayError as exc:
        raise PipelineError(
            f"Hashing {shard.name!r} has ended {_RETRIES + 1} workers one after another "
            f"({one_line(exc)}); look for the reason in the logs of Ray."
        ) from exc
    if isinstance(result, PipelineError):
        raise result
    found: tuple[Any, Remarks] = result
    return found
