"""What is known of a pool when some of its images are to be selected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..features.target import Features, Target

Positions = npt.NDArray[np.int64]
Labels = npt.NDArray[np.uint16]


class FeatureRows(Protocol):
    """Features of n images, as an array of shape (n, D) has them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Positions | slice, /) -> Features: ...


@dataclass(frozen=True, eq=False)
class SomeFeatures:
    """Features of some images of a pool, read when they are asked for."""

    features: FeatureRows
    positions: Positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, rows: Positions | slice, /) -> Features:
        return self.features[self.positions[rows]]


@dataclass(frozen=True, eq=False)
class SomeScores(Mapping[str, npt.NDArray[np.float32]]):
    """Columns of a score table for some images of a pool, read when they are asked for."""

    scores: Mapping[str, npt.NDArray[np.float32]]
    positions: Positions

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        return self.scores[name][self.positions]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What rankings read. Those by score need nothing but the score table's columns.

    Attributes:
        labels: pseudo-label of each image, shape (N,).
        scores: columns of the score table by name, each float32 of shape (N,).
        classes: C.
        features: what a frozen backbone sees in each image, shape (N, D), or None. May be a memory
            map: only the rows of a shortlist are read.
        target: the server's labelled images in the same features, or None.
        positions: where in the pool these images are, ascending, shape (N,); None if they are all
            of it.
    """

    labels: Labels
    scores: Mapping[str, npt.NDArray[np.float32]]
    classes: int
    features: FeatureRows | None = None
    target: Target | None = None
    positions: Positions | None = None

    @classmethod
    def keepable(
        cls,
        labels: Labels,
        scores: Mapping[str, npt.NDArray[np.float32]],
        classes: int,
        features: FeatureRows | None = None,
        target: Target | None = None,
        *,
        unreadable: Positions | None = None,
    ) -> Evidence:
        """The evidence about those images of a pool that may be kept: those that can be read.

        Args:
            labels, scores, classes, features, target: of the whole pool; an image without scores
                (NaN) could not be read when it was labelled.
            unreadable: positions of those that could not be read for their features.
        """
        lost = np.isnan(next(iter(scores.values())))
        if unreadable is not None:
            lost[unreadable] = True
        if not lost.any():
            return cls(labels, scores, classes, features, target)
        there = np.flatnonzero(~lost)
        return cls(
            labels[there],
            SomeScores(scores, there),
            classes,
            None if features is None else SomeFeatures(features, there),
            target,
            there,
        )

    def __len__(self) -> int:
        return len(self.labels)
