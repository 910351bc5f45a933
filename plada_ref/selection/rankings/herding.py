"""Herding: of each class the images whose mean is the mean of the target's images.

Welling, "Herding dynamical weights to learn" (ICML 2009); for choosing exemplars, Rebuffi et al.,
"iCaRL" (CVPR 2017). There a class is thinned; here the mean is that of *other* images, the
server's own, so that a class of the pool is bent towards the task.
"""

from __future__ import annotations

import numpy as np

from ..evidence import Evidence, Positions
from . import space
from .by_class import first_then_rest, shortlist
from .space import Projection, Vectors

PICKS = 1_100
"""Images picked per class; beyond them the rest follow by margin."""


def herding(evidence: Evidence, seed: int) -> Positions:
    """Sort keys of herding in the principal space of the target's features."""
    _, target = space.need(evidence, "herding")
    return herded(evidence, space.principal(target), seed)


def herding_logits(evidence: Evidence, seed: int) -> Positions:
    """Sort keys of herding among the logits of a linear head fitted to the target's features."""
    _, target = space.need(evidence, "herding-logits")
    return herded(evidence, space.logits(target, evidence.classes), seed)


def herded(evidence: Evidence, projection: Projection, seed: int, picks: int = PICKS) -> Positions:
    """Sort keys by which each class's images follow as they are herded in a space.

    Args:
        projection: from features to the space.
        seed: draws the shortlist of a large pool.
        picks: images picked per class.
    """
    features, target = space.need(evidence, "herding")
    means = target.means(projection(target.features), evidence.classes)
    listed = shortlist(evidence.labels, evidence.classes, seed)
    values = projection(features, listed)
    labels = evidence.labels[listed]
    picked = {
        int(label): listed[members[_follow(values[members], means[label], picks)]]
        for label in np.unique(labels)
        for members in (np.flatnonzero(labels == label),)
    }
    return first_then_rest(evidence.labels, evidence.classes, picked, -evidence.scores["margin"])


def _follow(values: Vectors, mean: Vectors, most: int) -> Positions:
    """Rows in the order in which they bring the mean of the rows so far nearest to `mean`.

    After t rows of sum S, the row x that minimises ``|mean - (S + x) / (t + 1)|`` maximises
    ``x . ((t + 1) mean - S) - |x|^2 / 2``.
    """
    half = np.square(values).sum(axis=1) / 2
    total = np.zeros_like(mean)
    order = np.empty(min(most, len(values)), dtype=np.int64)
    for number in range(len(order)):
        row = int(np.argmax(values @ ((number + 1) * mean - total) - half))
        order[number] = row
        total += values[row]
        half[row] = np.inf  # Each image once.
    return order
