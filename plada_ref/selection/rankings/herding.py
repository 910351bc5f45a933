"""Herding: of each class the images whose mean is the mean of the target's images.

Welling, "Herding dynamical weights to learn" (ICML 2009); for choosing exemplars, Rebuffi et al.,
"iCaRL" (CVPR 2017). There a class is thinned; here the mean is that of *other* images, the
server's own, so that a class of the pool is bent towards the task.
"""

from __future__ import annotations

import numpy as np

from ..evidence import Evidence, Positions
from . import space
from .by_class import SHORTLIST, first_then_rest, rank_in_class, shortlist
from .space import Projection, Vectors

PICKS = 1_100
"""Images picked per class; beyond them the rest follow by margin."""

AMONG, LEAST = 5, 20
"""The next image of `herding_confident` is one of so many times as many confident ones as there are
with it, and of the second number at least: docs/selection.md has what others give."""


def herding(evidence: Evidence, seed: int) -> Positions:
    """Sort keys of herding in the principal space of the target's features."""
    _, target = space.need(evidence, "herding")
    return herded(evidence, space.principal(target), seed)


def herding_logits(evidence: Evidence, seed: int) -> Positions:
    """Sort keys of herding among the logits of a linear head fitted to the target's features."""
    _, target = space.need(evidence, "herding-logits")
    return herded(evidence, space.logits(target, evidence.classes), seed)


def herding_confident(evidence: Evidence, seed: int) -> Positions:
    """Sort keys of herding among the images of each class that the teacher is surest of.

    A network that trains whole needs labels that are right and many images (confident ones lie
    together and cost fewer bytes), a frozen head needs a class's whole spread. The t-th image of a
    class is chosen from the ``AMONG * t`` of largest margin, so that a prefix of any length has the
    same share of each. No chance: `seed` is not used.
    """
    _, target = space.need(evidence, "herding-confident")
    ranks = rank_in_class(evidence.labels, -evidence.scores["margin"])
    surest = np.flatnonzero(ranks < min(AMONG * PICKS, SHORTLIST // evidence.classes))
    surest = surest[np.argsort(ranks[surest], kind="stable")]
    return _herd(evidence, space.principal(target), surest, PICKS, AMONG)


def herded(evidence: Evidence, projection: Projection, seed: int, picks: int = PICKS) -> Positions:
    """Sort keys by which each class's images follow as they are herded in a space.

    Args:
        projection: from features to the space.
        seed: draws the shortlist of a large pool.
        picks: images picked per class.
    """
    listed = shortlist(evidence.labels, evidence.classes, seed)
    return _herd(evidence, projection, listed, picks, None)


def _herd(
    evidence: Evidence, projection: Projection, listed: Positions, picks: int, among: int | None
) -> Positions:
    features, target = space.need(evidence, "herding")
    means = target.means(projection(target.features), evidence.classes)
    values = projection(features, listed)
    labels = evidence.labels[listed]
    picked = {
        int(label): listed[members[_follow(values[members], means[label], picks, among)]]
        for label in np.unique(labels)
        for members in (np.flatnonzero(labels == label),)
    }
    return first_then_rest(evidence.labels, evidence.classes, picked, -evidence.scores["margin"])


def _follow(values: Vectors, mean: Vectors, most: int, among: int | None = None) -> Positions:
    """Rows in the order in which they bring the mean of the rows so far nearest to `mean`.

    After t rows of sum S, the row x that minimises ``|mean - (S + x) / (t + 1)|`` maximises
    ``x . ((t + 1) mean - S) - |x|^2 / 2``.

    Args:
        most: rows, if there are so many.
        among: the t-th is one of the first `among` times t rows, or of `LEAST`; of all when None.
    """
    half = np.square(values).sum(axis=1) / 2
    total = np.zeros_like(mean)
    order = np.empty(min(most, len(values)), dtype=np.int64)
    for number in range(len(order)):
        first = len(values) if among is None else max(LEAST, among * (number + 1))
        free = values[:first] @ ((number + 1) * mean - total) - half[:first]
        row = int(np.argmax(free))
        order[number] = row
        total += values[row]
        half[row] = np.inf  # Each image once.
    return order
