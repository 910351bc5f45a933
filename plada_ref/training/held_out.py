"""How often a model is right on labelled images that it has not learned from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ..features.head import Head
    from ..features.target import Features
    from .dataset import LabelledImages

FRACTION = 0.1
"""The part of each class that is held out where nobody says how much."""

MOST = 20_000
"""Images that a head is measured with at most: fitted to nine tenths, tried on the others."""


@dataclass(frozen=True)
class HeldOut:
    """What was measured.

    Attributes:
        accuracy: 0 to 1.
        images: the number of images.
    """

    accuracy: float
    images: int

    def __str__(self) -> str:
        error = 100 * standard_error(self.accuracy, self.images)
        return f"{100 * self.accuracy:.1f} ± {error:.1f} % of {self.images:,}"


def standard_error(accuracy: float, images: int) -> float:
    """The standard error of an accuracy, 0 to 1, that was measured on so many images.

    Two images are added that are right and two that are wrong, as Agresti and Coull do: it is not
    0 where all of a few images are right.
    """
    part = (accuracy * images + 2) / (images + 4)
    return math.sqrt(part * (1 - part) / (images + 4))


def rows_to_hold_out(
    labels: npt.NDArray[np.integer[Any]],
    names: Iterable[object],
    *,
    fraction: float = FRACTION,
    seed: int = 0,
) -> npt.NDArray[np.bool_]:
    """Say of each image whether it is held out, shape (n,); of no image where there are too few.

    Args:
        labels: class numbers, shape (n,).
        names: tell the images from each other, the same on every machine.
        fraction: of each class, 0 to 1; some stay in any case.
    """
    from ..tasks.task import held_out_of  # PIL: who reads what was measured does without.

    held = held_out_of(labels, [str(name) for name in names], fraction, seed=seed)
    return np.zeros(len(labels), bool) if held.all() else held


def measure_head(
    views: Sequence[Features],
    data: LabelledImages,
    fit: Callable[[Sequence[Features], npt.NDArray[Any], npt.NDArray[np.float64]], Head],
    *,
    seed: int = 0,
) -> HeldOut | None:
    """Measure what a head of these images is worth by one that has not seen a tenth of them.

    Args:
        views: features of each view of the images, (n, D) each, the images themselves first.
        fit: makes a head of views, targets and weights.

    Returns:
        None where there are too few images to hold some out.
    """
    drawn = np.random.default_rng(seed).permutation(len(data))[:MOST]
    drawn.sort()
    held = rows_to_hold_out(data.labels[drawn], data.rows[drawn].tolist(), seed=seed)
    if not held.any():
        return None
    learned, tried = drawn[~held], drawn[held]
    head = fit([view[learned] for view in views], data.targets[learned], data.weights[learned])
    right = head.predict(views[0][tried]) == data.labels[tried]
    return HeldOut(float(right.mean()), len(tried))
