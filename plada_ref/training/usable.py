"""The part of a payload that a client can learn from: images that it has, and that decode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from pladafmt.text import for_terminal

from ..compute.batches import in_order, loaded
from ..compute.context import Compute
from ..errors import PipelineError
from ..images import ImagePool, ImageSet, PoolImages, called
from ..pool import MissingImage, UnreadableImage, UnreadableImages
from .dataset import LabelledImages

MUCH = 0.1
"""The part of the kept images from which on it is a warning that they are missing."""

_BATCH = 256
_SHOWN = 8

Counts = npt.NDArray[np.int64]
"""Images of each class, shape (C,)."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Kept images that a student does not learn from.

    Attributes:
        missing: those that the client does not hold, of each class; None if nobody looked.
        unreadable: those that do not decode, of each class; None if all do.
    """

    missing: Counts | None = None
    unreadable: Counts | None = None

    def to_json(self) -> dict[str, list[int]]:
        """What there is of it, as JSON values."""
        parts = {"missing": self.missing, "unreadable": self.unreadable}
        return {
            name: counts.tolist()
            for name, counts in parts.items()
            if counts is not None and counts.any()
        }


@dataclass
class UsablePart:
    """What is left of a payload's images, and what was left out.

    Attributes:
        data: the images that are left; at first all.
        pool: the client's.
        compute: decodes images, and hears what is left out.
        left_out: so far.
    """

    data: LabelledImages
    pool: ImagePool
    compute: Compute
    left_out: LeftOut = field(default_factory=LeftOut)

    def leave_out_missing(self) -> None:
        """Leave out the images that the pool's sources do not hold; none is read.

        Raises:
            MissingImage: if none is left.
        """
        here = self._held()
        missing = self._counts(~here)
        if not here.any():
            raise self.missing()
        self._tell_missing(missing)
        self.data = self.data.part(here)
        self.left_out = LeftOut(missing, self.left_out.unreadable)

    def leave_out_unreadable(self, share: float | None) -> None:
        """Leave out the images that do not decode, each of which is decoded once for that.

        Args:
            share: see `plada_ref.pool.most_unreadable`.

        Raises:
            PipelineError: if they are too many, or none is left.
        """
        found = UnreadableImages(self.pool, len(self.data), share)
        batches = in_order(len(self.data), _BATCH)
        decodes = _Decodes(self.data.images, self.data.rows)
        where = self.compute.device
        parts = list(loaded(decodes, batches, workers=self.compute.workers, device=where))
        readable = torch.cat(parts).numpy().astype(bool)
        found.add(self.data.rows[~readable])
        if not readable.any():
            raise PipelineError("None of the kept images decodes, so there is nothing to learn.")
        found.tell(self.compute.progress)
        self.left_out = LeftOut(self.left_out.missing, self._counts(~readable))
        self.data = self.data.part(readable)

    def missing(self) -> MissingImage:
        """The error about images that the pool's sources do not hold."""
        rows = self.data.rows[~self._held()]
        first = int(rows[0])
        every = len(rows) == len(self.data)
        advice = (
            "name the pool's images with --pool"
            if every
            else "restore them, or learn from the others with --skip-missing"
        )
        return MissingImage(
            f"{len(rows):,} of the {len(self.data):,} kept images are not in the sources of the "
            f"pool, the first of them at position {first}; {advice}. plada pool verify lists what "
            "is missing.",
            position=first,
        )

    def _held(self) -> npt.NDArray[np.bool_]:
        images = self.data.images
        assert isinstance(images, PoolImages)  # They are a payload's.
        return np.array([images.holds(row) for row in self.data.rows.tolist()], np.bool_)

    def _counts(self, which: npt.NDArray[np.bool_]) -> Counts:
        classes = self.data.classes
        count = classes if isinstance(classes, int) else len(classes)
        return np.bincount(self.data.labels[which], minlength=count)

    def _tell_missing(self, missing: Counts) -> None:
        total, lost = len(self.data), int(missing.sum())
        if not lost:
            return
        kept = self._counts(np.ones(total, np.bool_))
        classes = self.data.classes
        names = (
            [str(number) for number in range(len(kept))] if isinstance(classes, int) else classes
        )
        short = np.flatnonzero(missing)
        worst = short[np.argsort(-missing[short] / kept[short], kind="stable")][:_SHOWN]
        by_class = "; ".join(
            f"{for_terminal(names[label])}: {missing[label]:,} of {kept[label]:,}"
            for label in worst.tolist()
        )
        more = len(short) - len(worst)
        said = (
            f"{lost:,} of the {total:,} kept images ({100 * lost / total:.1f} %) are missing here "
            f"and skipped; by class {by_class}" + (f"; and {more:,} more classes" if more else "")
        )
        gone = int(((missing == kept) & (kept > 0)).sum())
        if gone:
            said += f". Nothing is left of {gone:,} classes, which the student cannot learn"
        progress = self.compute.progress
        (progress.warn if gone or lost >= MUCH * total else progress.say)(said)


class _Decodes(Dataset[int]):
    """Whether each image decodes, 1 or 0."""

    def __init__(self, images: ImageSet, rows: npt.NDArray[np.integer[Any]]) -> None:
        self.images = images
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def called(self, index: int) -> str:
        """What a sentence calls an image."""
        return called(self.images, int(self.rows[index]))

    def __getitem__(self, index: int) -> int:
        try:
            self.images.open_image(int(self.rows[index]))
        except UnreadableImage:
            return 0
        return 1
