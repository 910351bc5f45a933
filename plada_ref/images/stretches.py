"""All images of a pool, a stretch after the other: what is in memory of it does not grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from .sets import ImagePool, PoolImages

STRETCH = 1 << 15
"""Images whose keys and places are in memory at a time, some thousand bytes for each."""

LONG_STRETCH = 1 << 17
"""The same for a GPU, which sees as many in seconds: it waits for the next ones to be found, and
for the processes that decode them."""


def in_stretches(
    pool: ImagePool, chunks: Sequence[range], *, long: bool = False
) -> Iterator[tuple[list[range], PoolImages]]:
    """Yield some chunks of pool positions at a time, and what opens the images of all of them.

    Args:
        long: make stretches of several chunks as long as `LONG_STRETCH`, not `STRETCH`.

    Raises:
        PipelineError: if the pool cannot be read.
    """
    most = LONG_STRETCH if long else STRETCH
    waiting = deque(chunks)
    while waiting:
        stretch = [waiting.popleft()]
        count = len(stretch[0])
        while waiting and count + len(waiting[0]) <= most:
            count += len(waiting[0])
            stretch.append(waiting.popleft())
        ascending = sorted(stretch, key=lambda chunk: chunk.start)
        yield stretch, pool.only(np.concatenate([np.array(chunk) for chunk in ascending]))


def check_early(pool: ImagePool) -> None:
    """Have said now what is wrong with a pool's manifest or shards, not after hours of other work.

    Raises:
        PipelineError: if the pool cannot be read.
    """
    pool.only(np.arange(min(1, len(pool))))
