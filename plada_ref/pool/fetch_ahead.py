"""Fetch the images that a student learns from, before it learns: many at a time, each once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby

import numpy as np
import numpy.typing as npt

from ..compute.progress import Progress
from .image_cache import can_keep, keep_image, kept_image
from .image_errors import BadImage
from .verified import VerifiedImages

_AT_ONCE = 16
"""Requests under way: each waits for the server most of its time."""


def fetch_ahead(
    images: VerifiedImages, positions: npt.ArrayLike, progress: Progress
) -> tuple[int, int] | None:
    """Fetch the images at some pool positions that are not kept here, if the pool is remote.

    What is wrong with an image is not said here, but when it is read.

    Returns:
        How many images came, and how many bytes of them; None if the pool's images are on this
        computer, or nothing can be kept.

    Raises:
        PipelineError: if the pool cannot be reached.
    """
    if not images.source.remote or not can_keep():
        return None
    shards = _by_shard(images, positions)
    came = size = 0
    with progress.track("Fetching images", sum(map(len, shards))) as advance:
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            # One after the other: a server without ranges sends each shard whole, and once.
            for wanted in shards:
                for found in pool.map(lambda position: _fetch(images, position), wanted):
                    came, size = came + (found > 0), size + found
                    advance(1)
        finally:
            pool.shutdown(cancel_futures=True)
    return came, size


def _fetch(images: VerifiedImages, position: int) -> int:
    """Have an image kept; returns its size if it had to be fetched, else 0."""
    if kept_image(images.digest(position)) is not None:
        return 0
    try:
        data = images.read(position)
    except BadImage:
        return 0
    with suppress(OSError):  # A full disk costs time, not correctness.
        keep_image(images.digest(position), data)
    return len(data)


def _by_shard(images: VerifiedImages, positions: npt.ArrayLike) -> list[list[int]]:
    """Return the positions of each shard, in the order in which the images are stored there."""
    found = [
        (images.source.place(images.key(each)), each) for each in np.asarray(positions).tolist()
    ]
    return [
        [position for _, position in shard]
        for _, shard in groupby(sorted(found), key=lambda each: each[0][:2])
    ]
