"""How many labels each class has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint16]
"""Class numbers, shape (n,)."""

_STRETCH = 1 << 16
"""Labels counted at a time: `numpy.bincount` copies them into eight bytes each."""


def count_labels(labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """The number of labels of each class, shape (C,)."""
    counts = np.zeros(classes, np.int64)
    for start in range(0, len(labels), _STRETCH):
        counts += np.bincount(labels[start : start + _STRETCH], minlength=classes)
    return counts
