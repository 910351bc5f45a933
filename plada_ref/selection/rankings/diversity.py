"""Rankings by distance in feature space: prototypes and k-center."""

from __future__ import annotations

import numpy as np

from ..evidence import Evidence, Positions
from . import space
from .by_class import first_then_rest, in_turn, rank_in_class, shortlist
from .herding import PICKS
from .space import Vectors


def prototype(evidence: Evidence, seed: int) -> Positions:
    """Sort keys of the top k of each class by similarity to the class's prototype.

    The prototype is the mean of the target's images of the class; similarity is the cosine, of
    standardised features. Unlike herding, every image is compared alone, so the first images of a
    class are much alike.
    """
    features, target = space.need(evidence, "prototype")
    to_space = space.principal(target)
    means = _unit(target.means(to_space(target.features), evidence.classes))
    similarity = np.empty(len(evidence), dtype=np.float32)
    rows = 16_384  # Of a large pool, all features at once would not fit.
    for start in range(0, len(evidence), rows):
        part = slice(start, start + rows)
        unit = _unit(to_space(features[part]))
        similarity[part] = (unit * means[evidence.labels[part]]).sum(axis=1)
    ranks = rank_in_class(evidence.labels, -similarity)
    return in_turn(evidence.labels, evidence.classes, ranks)


def k_center(evidence: Evidence, seed: int) -> Positions:
    """Sort keys of k-center: each class's next image is the one farthest from those before.

    The greedy 2-approximation of Gonzalez (1985), begun with the image nearest to the mean of the
    target's images of the class, in the principal space. It covers a class, its outliers first.
    """
    features, target = space.need(evidence, "k-center")
    to_space = space.principal(target)
    means = target.means(to_space(target.features), evidence.classes)
    listed = shortlist(evidence.labels, evidence.classes, seed)
    values = to_space(features, listed)
    labels = evidence.labels[listed]
    picked = {
        int(label): listed[members[_farthest(values[members], means[label])]]
        for label in np.unique(labels)
        for members in (np.flatnonzero(labels == label),)
    }
    return first_then_rest(evidence.labels, evidence.classes, picked, -evidence.scores["margin"])


def _farthest(values: Vectors, start: Vectors) -> Positions:
    row = int(np.argmin(_distances(values, start)))
    nearest = _distances(values, values[row])
    order = [row]
    while len(order) < min(PICKS, len(values)):
        nearest[row] = -1  # Each image once, doubles of it included.
        row = int(np.argmax(nearest))
        order.append(row)
        nearest = np.minimum(nearest, _distances(values, values[row]))
        nearest[order] = -1
    return np.array(order, dtype=np.int64)


def _distances(values: Vectors, point: Vectors) -> Vectors:
    """Squared, shape (n,)."""
    found: Vectors = np.square(values - point).sum(axis=1)
    return found


def _unit(values: Vectors) -> Vectors:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit: Vectors = (values / np.maximum(length, 1e-12)).astype(np.float32)
    return unit
