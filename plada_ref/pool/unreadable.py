"""Images of a pool that do not decode: they are counted and never kept, up to a bound.

Such an image cannot leave the pool, whose id it is part of. So whoever sees all images goes on
without it, unless there are so many that something else is wrong.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..compute.progress import Progress
from ..errors import Misuse, PipelineError
from ..images import ImagePool
from .image_errors import UnreadableImage

SHARE = 0.001
"""The part of a pool's images that may be unreadable by default."""

FEW, FEW_SHARE = 10, 0.01
"""In a small pool this part may be, up to this number: 3 broken files of 1,000 stop nobody."""

NAMED = 3
"""Images that a message names at most."""

Positions = npt.NDArray[np.int64]


def most_unreadable(images: int, share: float | None = None) -> int:
    """How many of some images may be unreadable, rounded up.

    Args:
        images: how many there are.
        share: the part of them that may be; by `SHARE` and `FEW` when None.

    Raises:
        Misuse: if the share is no part.
    """
    if share is None:
        return max(math.ceil(SHARE * images), min(FEW, math.ceil(FEW_SHARE * images)))
    if not 0 <= share <= 1:
        raise Misuse(f"--max-unreadable is a part of the images, from 0 to 1, not {share}.")
    return math.ceil(share * images)


class UnreadableImages:
    """Those images of a pool that were found not to decode.

    Args:
        pool: opens images again, to say why.
        images: how many are looked at.
        share: see `most_unreadable`.
        known: how many may be so whatever the share, since an earlier step has accepted them.
    """

    def __init__(
        self, pool: ImagePool, images: int, share: float | None = None, *, known: int = 0
    ) -> None:
        self._pool = pool
        self._images = images
        self._most = max(most_unreadable(images, share), known)
        self._found: set[int] = set()

    def __len__(self) -> int:
        return len(self._found)

    @property
    def positions(self) -> Positions:
        """Their pool positions, ascending."""
        return np.array(sorted(self._found), np.int64)

    def add(self, positions: npt.NDArray[np.integer]) -> None:
        """Add images, some of which may be known already.

        Raises:
            PipelineError: if there are now too many.
        """
        self._found.update(positions.tolist())
        if len(self) <= self._most:
            return
        share = math.ceil(10_000 * len(self) / self._images) / 10_000
        raise PipelineError(
            f"{self._count()} so far, and at most {self._most:,} may be skipped: {self._named()}. "
            "plada pool verify --decode lists all of them. They stay part of the pool, whose id "
            f"does not change; --max-unreadable {share:g} or more goes on without them."
        )

    def tell(self, progress: Progress) -> None:
        """Say how many there are and name the first; nothing if there is none."""
        if self._found:
            progress.warn(f"{self._count()} and are skipped: {self._named()}.")

    def _count(self) -> str:
        return f"{len(self):,} of {self._images:,} images do not decode"

    def _named(self) -> str:
        first = self.positions[:NAMED]
        images = self._pool.only(first)
        named = []
        for position in first.tolist():
            try:
                images.open_image(position)
                named.append(f"position {position} (now it does; run the command again)")
            except UnreadableImage as exc:
                named.append(f"{exc.key!r} ({exc.reason})")
            except PipelineError:  # A computer of the cluster has it.
                named.append(f"position {position}")
        more = len(self) - len(first)
        return ", ".join(named) + (f" and {more:,} more" if more else "")
