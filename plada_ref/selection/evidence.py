"""What is known of a pool when some of its images are to be selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]
Labels = npt.NDArray[np.uint16]
Features = npt.NDArray[np.float16]

_STRETCH = 1 << 16
"""Labels counted at a time: `numpy.bincount` copies them into eight bytes each."""


def count_labels(labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """The number of labels of each class, shape (C,)."""
    counts = np.zeros(classes, np.int64)
    for start in range(0, len(labels), _STRETCH):
        counts += np.bincount(labels[start : start + _STRETCH], minlength=classes)
    return counts


@dataclass(frozen=True, eq=False)
class Target:
    """Labelled images of the target task, as a frozen backbone sees them.

    Attributes:
        features: shape (n, D).
        labels: class numbers, shape (n,).
    """

    features: Features
    labels: Labels

    def means(self, values: npt.NDArray[np.float32], classes: int) -> npt.NDArray[np.float32]:
        """The mean of `values` (n, d) over each class's images, shape (C, d).

        A class without an image has the mean of all images.
        """
        found = np.repeat(values.mean(axis=0, keepdims=True), classes, axis=0)
        for label in np.unique(self.labels):
            found[label] = values[self.labels == label].mean(axis=0)
        return found


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
