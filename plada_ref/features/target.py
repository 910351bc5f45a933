"""Labelled images of the target task, as a frozen backbone sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float16]
"""What a frozen backbone sees in n images: shape (n, D)."""


@dataclass(frozen=True, eq=False)
class Target:
    """Features and labels of the target task's images.

    Attributes:
        features: shape (n, D), float16.
        labels: class numbers, shape (n,), uint16.
    """

    features: Features
    labels: npt.NDArray[np.uint16]

    def means(self, values: npt.NDArray[np.float32], classes: int) -> npt.NDArray[np.float32]:
        """The mean of `values` (n, d) over each class's images, shape (C, d).

        A class without an image has the mean of all images.
        """
        found = np.repeat(values.mean(axis=0, keepdims=True), classes, axis=0)
        for label in np.unique(self.labels):
            found[label] = values[self.labels == label].mean(axis=0)
        return found
