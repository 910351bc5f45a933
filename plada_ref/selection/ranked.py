"""From sort keys to kept images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..labelling.histogram import count_labels
from .evidence import Evidence, Labels, Positions
from .quotas import part_of, quotas
from .rankings.registry import RANKINGS, SortKeys
from .rule import SafetyNet, Selection

_NEAR = 4
"""Images among which quotas are looked for first, as a multiple of the images they ask for."""

_STRETCH = 1 << 17
"""Keys that are looked at a time: a pool's are not copied, and random ones never all made."""


@dataclass(frozen=True, eq=False)
class RankedImages:
    """Images ranked by one selection; any number of them can be kept.

    Attributes:
        sort_keys: one for each image; small ones are kept first, and among equals the lower
            position.
        labels: pseudo-labels, shape (N,).
        classes: C.
        safety_net: per-class quotas, or None.
        positions: where in the pool the images are, see `Evidence`; None if they are all of it.
    """

    sort_keys: SortKeys
    labels: Labels
    classes: int
    safety_net: SafetyNet | None
    positions: Positions | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def supply(self) -> npt.NDArray[np.int64]:
        """Pseudo-labels of each class, shape (C,)."""
        return count_labels(self.labels, self.classes)

    def keep(self, count: int) -> Positions:
        """Return the pool positions of the `count` (at most N) kept images, ascending.

        Looks at all keys twice, and partitions and sorts a few times as many as it keeps: the time
        is a few times that of one ``numpy.argpartition`` of the keys.
        """
        rows = self._rows(count)
        return rows if self.positions is None else self.positions[rows]

    def _rows(self, count: int) -> Positions:
        if self.safety_net is None or count >= self.labels.size:
            return _smallest(self.sort_keys, count)
        reserved = part_of(count, self.safety_net.share)
        quota = quotas(self.supply, reserved, self.safety_net.alpha)
        near = _smallest(self.sort_keys, max(count, _NEAR * reserved))
        taken = np.zeros(self.labels.size, dtype=np.bool_)
        for members in self._by_quota(quota, near):
            taken[members] = True
        # The rest of the budget lies among the `count` smallest keys of the pool: at most as many
        # of them are taken as the quotas ask for.
        rest = near[~taken[near]]
        taken[rest[_smallest(self.sort_keys[rest], count - int(quota.sum()))]] = True
        return np.flatnonzero(taken)

    def _by_quota(self, quota: npt.NDArray[np.int64], near: Positions) -> Iterator[Positions]:
        """Yield the positions of each class's ``quota[c]`` smallest keys, class by class.

        Most of them are among `near`, the smallest keys of the pool. Only the classes that have
        too few there are looked for in the whole pool.
        """
        labels = self.labels[near]
        scarce = count_labels(labels, self.classes) < quota
        yield from self._smallest_of_each(near[~scarce[labels]], quota)
        if scarce.any():
            yield from self._smallest_of_each(np.flatnonzero(scarce[self.labels]), quota)

    def _smallest_of_each(
        self, positions: Positions, quota: npt.NDArray[np.int64]
    ) -> Iterator[Positions]:
        """Yield, for each class among `positions` (ascending), those of its smallest keys."""
        labels = self.labels[positions]
        # A stable sort of 16-bit numbers is a radix sort, and positions keep ascending.
        members = positions[np.argsort(labels, kind="stable")]
        sort_keys = self.sort_keys[members]
        counts = count_labels(labels, self.classes)
        ends = np.cumsum(counts)
        for label in np.flatnonzero(np.minimum(counts, quota)).tolist():
            part = slice(int(ends[label] - counts[label]), int(ends[label]))
            yield members[part][_smallest(sort_keys[part], int(quota[label]))]


def rank_images(evidence: Evidence, selection: Selection) -> RankedImages:
    """Rank images as `selection` says.

    Raises:
        Misuse: if the ranking needs features or target images, and `evidence` has none.
    """
    sort_keys = RANKINGS[selection.ranking].sort_keys(evidence, selection.seed)
    return RankedImages(
        sort_keys, evidence.labels, evidence.classes, selection.safety_net, evidence.positions
    )


def _smallest(sort_keys: SortKeys, count: int) -> Positions:
    """Return the indices of the `count` smallest sort keys, ascending; of equals the lower."""
    if count >= len(sort_keys):
        return np.arange(len(sort_keys))
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    limit = _limit(sort_keys, count)
    found = np.concatenate(
        [start + np.flatnonzero(part <= limit) for start, part in _stretches(sort_keys)]
    )
    surplus = found.size - count
    if surplus:
        # More keys equal the limit than are wanted: the last of them go.
        equal = np.flatnonzero(sort_keys[found] == limit)
        found = np.delete(found, equal[-surplus:])
    return found


def _limit(sort_keys: SortKeys, count: int) -> Any:
    """Return the largest of the `count` smallest sort keys, holding twice as many at most."""
    near: list[npt.NDArray[Any]] = []
    held, limit = 0, None
    for _, part in _stretches(sort_keys):
        near.append(part if limit is None else part[part < limit])
        held += len(near[-1])
        if held >= 2 * count:
            smallest = np.partition(np.concatenate(near), count - 1)[:count]
            near, held, limit = [smallest], count, smallest[-1]
    return np.partition(np.concatenate(near), count - 1)[count - 1]


def _stretches(sort_keys: SortKeys) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield all sort keys, some at a time, each with the index of the first."""
    for start in range(0, len(sort_keys), _STRETCH):
        yield start, sort_keys[start : start + _STRETCH]
