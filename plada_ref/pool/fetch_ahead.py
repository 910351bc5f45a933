"""Fetch images that are about to be read, many at a time, and keep them: each comes once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby

import numpy as np
import numpy.typing as npt

from ..compute.progress import Progress
from ..images import ImageSet
from .image_cache import can_keep, keep_image, kept_image
from .image_errors import BadImage
from .verified import VerifiedImages

_AT_ONCE = 16
"""Requests under way: each waits for the server most of its time."""


def fetch_ahead(images: ImageSet, positions: npt.ArrayLike, progress: Progress) -> None:
    """Fetch the images at some pool positions that are not kept here, if the pool is elsewhere.

    How many came, and how many bytes of them, is said. What is wrong with an image is not said
    here, but when it is read.

    Raises:
        PipelineError: if the pool cannot be reached.
    """
    if not isinstance(images, VerifiedImages) or not images.source.remote or not can_keep():
        return
    listed = np.asarray(positions).tolist()
    wanted = [each for each in listed if kept_image(images.digest(each)) is None]
    if not wanted:
        return
    came: list[int] = []
    with progress.track("Fetching images", len(wanted)) as advance:
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            # One after the other: a server without ranges sends each shard whole, and once.
            for shard in _by_shard(images, wanted):
                for size in pool.map(lambda position: _fetch(images, position), shard):
                    came += [size] if size else []
                    advance(1)
        finally:
            pool.shutdown(cancel_futures=True)
    progress.say(
        f"images: {len(came):,} of {len(listed):,} fetched, {sum(came):,} bytes; they are kept for "
        "other students"
    )


def _fetch(images: VerifiedImages, position: int) -> int:
    """Have an image kept; returns its size, 0 if something is wrong with it."""
    try:
        data = images.read(position)
    except BadImage:
        return 0
    with suppress(OSError):  # A full disk costs time, not correctness.
        keep_image(images.digest(position), data)
    return len(data)


def _by_shard(images: VerifiedImages, positions: list[int]) -> list[list[int]]:
    """Return the positions of each shard, in the order in which the images are stored there."""
    found = [(images.source.place(images.key(position)), position) for position in positions]
    return [
        [position for _, position in shard]
        for _, shard in groupby(sorted(found), key=lambda each: each[0][:2])
    ]
