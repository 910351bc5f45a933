"""From sort keys to kept images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .evidence import Evidence, Labels, Positions
from .quotas import part_of, quotas
from .rankings import RANKINGS, Keys
from .rule import SafetyNet, Selection


@dataclass(frozen=True, eq=False)
class Ranked:
    """A pool ranked by one rule; any number of images can be kept of it.

    Attributes:
        keys: sort key of each image, shape (N,); small ones are kept first, and among equals the
            lower position.
        labels: pseudo-labels, shape (N,).
        classes: C.
        safety_net: per-class quotas, or None.
    """

    keys: Keys
    labels: Labels
    classes: int
    safety_net: SafetyNet | None

    def keep(self, count: int) -> Positions:
        """Return the positions of the `count` (at most N) kept images, ascending.

        Partitions, and sorts nothing of size N: the time is a few times that of one
        ``numpy.partition`` of the keys.
        """
        if self.safety_net is None:
            return _smallest(self.keys, count)
        supply = np.bincount(self.labels, minlength=self.classes)
        reserved = part_of(count, self.safety_net.share)
        quota = quotas(supply, reserved, self.safety_net.alpha)
        # A stable sort of 16-bit numbers is a radix sort. Two passes over the pool.
        by_class = np.argsort(self.labels, kind="stable")
        taken = np.zeros(self.labels.size, dtype=np.bool_)
        for label, end in enumerate(np.cumsum(supply)):
            if quota[label]:
                members = by_class[end - supply[label] : end]
                taken[members[_smallest(self.keys[members], int(quota[label]))]] = True
        del by_class
        rest = np.flatnonzero(~taken)
        taken[rest[_smallest(self.keys[rest], count - int(quota.sum()))]] = True
        return np.flatnonzero(taken)


def rank(evidence: Evidence, rule: Selection) -> Ranked:
    """Rank a pool's images by `rule`.

    Raises:
        Misuse: if the rule needs features or target images, and `evidence` has none.
    """
    keys = RANKINGS[rule.ranking].keys(evidence, rule.seed)
    return Ranked(keys, evidence.labels, evidence.classes, rule.safety_net)


def _smallest(keys: Keys, count: int) -> Positions:
    """Indices of the `count` smallest keys, ascending; among equals the lower index."""
    if count >= keys.size:
        return np.arange(keys.size)
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    limit = np.partition(keys, count - 1)[count - 1]
    below = np.flatnonzero(keys < limit)
    equal = np.flatnonzero(keys == limit)[: count - below.size]
    return np.sort(np.concatenate([below, equal]))
