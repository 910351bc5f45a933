"""Order within classes, and orders in which the classes take turns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..evidence import Labels, Positions
from ..quotas import quotas
from .shuffle import random_sort_keys

SHORTLIST = 131_072
"""Images whose features a ranking reads at most, so that it is quick on a pool of any size."""


def rank_in_class(labels: Labels, values: npt.NDArray[np.generic]) -> Positions:
    """Return the rank of each image within its class, 0 for the smallest value; ties by position.

    Args:
        labels: shape (N,).
        values: shape (N,).
    """
    order = np.lexsort((values, labels))
    supply = np.bincount(labels)
    ranks = np.empty(labels.size, dtype=np.int64)
    ranks[order] = np.arange(labels.size) - np.repeat(np.cumsum(supply) - supply, supply)
    return ranks


def in_turn(labels: Labels, classes: int, ranks: Positions) -> Positions:
    """Return sort keys by which the classes take turns: the best of each, then the second best.

    Of such an order any prefix keeps equally many images of each class, as long as they last.
    """
    return ranks * classes + labels


def shortlist(labels: Labels, classes: int, seed: int, most: int = SHORTLIST) -> Positions:
    """Draw at most `most` images at random, equally many per class; return ascending positions."""
    if labels.size <= most:
        return np.arange(labels.size)
    quota = quotas(np.bincount(labels, minlength=classes), most, 0.0)
    ranks = rank_in_class(labels, random_sort_keys(labels.size, seed))
    return np.flatnonzero(ranks < quota[labels])


def first_then_rest(
    labels: Labels, classes: int, picked: dict[int, Positions], values: npt.NDArray[np.generic]
) -> Positions:
    """Return sort keys of an order in turn: each class's picked images, then others by `values`.

    Args:
        picked: by class, positions in the order in which they were picked.
        values: what the rest is ordered by, smallest first, shape (N,).
    """
    place = np.full(labels.size, np.iinfo(np.int64).max)
    for positions in picked.values():
        place[positions] = np.arange(len(positions))
    order = np.lexsort((values, place, labels))
    supply = np.bincount(labels)
    ranks = np.empty(labels.size, dtype=np.int64)
    ranks[order] = np.arange(labels.size) - np.repeat(np.cumsum(supply) - supply, supply)
    return in_turn(labels, classes, ranks)
