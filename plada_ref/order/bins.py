"""Bins: one small number per image, equal for images that follow each other in key order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .chain import Path
    from .project import Projected

Bins = npt.NDArray[np.uint16]


def bins_of(
    points: Projected,
    member: npt.NDArray[np.int32],
    centroids: Projected,
    path: Path,
    slices: int,
) -> Bins:
    """The bin of each image, shape (N,), uint16: 0 for the first, with no number left out.

    A cluster's images are sorted along the line from the cluster before to the cluster after and
    cut into slices of equal number. Among the images of one slice the order is the key's: to tell
    their order from each other would double the size of a permutation file and save hardly a byte
    of a payload.

    Args:
        points: shape (N, d).
        member: cluster of each image, shape (N,).
        centroids: shape (k, d).
        path: order of the clusters, shape (k,).
        slices: slices per cluster, at most.
    """
    found = np.empty(len(points), np.int64)
    by_cluster = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[by_cluster], np.arange(len(centroids) + 1))
    for step, number in enumerate(path.tolist()):
        images = by_cluster[starts[number] : starts[number + 1]]
        before = centroids[path[max(step - 1, 0)]]
        after = centroids[path[min(step + 1, len(path) - 1)]]
        along = points[images] @ (after - before)
        rank = np.empty(len(images), np.int64)
        rank[np.argsort(along, kind="stable")] = np.arange(len(images))
        found[images] = step * slices + rank * slices // len(images)
    return np.unique(found, return_inverse=True)[1].astype(np.uint16)


def permutation_of(bins: Bins) -> npt.NDArray[np.int64]:
    """The number in key order of the image at each new position, shape (N,)."""
    return np.argsort(bins, kind="stable")
