"""What is known of a pool when some of its images are to be selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..features.target import Features, Target

Positions = npt.NDArray[np.int64]
Labels = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What rankings read. Those by score need nothing but the score table's columns.

    Attributes:
        labels: pseudo-label of each pool image, shape (N,).
        scores: columns of the score table by name, each float32 of shape (N,).
        classes: C.
        features: what a frozen backbone sees in each pool image, shape (N, D), or None. May be a
            memory map: only the rows of a shortlist are read.
        target: the server's labelled images in the same features, or None.
    """

    labels: Labels
    scores: Mapping[str, npt.NDArray[np.float32]]
    classes: int
    features: Features | None = None
    target: Target | None = None

    def __len__(self) -> int:
        return len(self.labels)
