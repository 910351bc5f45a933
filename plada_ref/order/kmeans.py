"""Clusters of images: mini-batch k-means of scikit-learn over an array on disk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans

from .project import CHUNK, Projected

MOST = 65_536
"""Clusters at most: a permutation file numbers bins with 16 bits."""

_DEFAULT_MOST = 8192
"""Beyond it, chaining the clusters costs more memory and time than it brings."""

_BATCH = 4096
_MOST_PASSES = 20
_DRAWN = 1000
"""Images drawn per cluster, at least; a large pool need not be seen more than once."""


def default_clusters(count: int) -> int:
    """Clusters for N images: N / 100, at least the square root of N, at most 8,192.

    On 50,000 photographs 500 clusters and 1,000 gave payloads of the same size, 300 and 3,000
    larger ones.
    """
    root = int(np.ceil(np.sqrt(count)))
    return max(1, min(_DEFAULT_MOST, max(root, count // 100)))


def kmeans(
    points: Projected, clusters: int, *, seed: int
) -> tuple[npt.NDArray[np.int32], Projected]:
    """(cluster of each point (N,), centroids (k, d)); k is the number of clusters with a point.

    The same points, seed, library and number of threads give the same clusters.
    """
    clusters = min(clusters, len(points))
    # Batches of a few images per cluster: with fewer, most centroids would not move.
    batch = min(len(points), max(_BATCH, 4 * clusters))
    passes = min(_MOST_PASSES, 1 + _DRAWN * clusters // len(points))
    model = MiniBatchKMeans(
        clusters,
        batch_size=batch,
        # Scikit-learn fails after a single batch, for which it has no mean of the distances.
        max_iter=passes if passes * len(points) // batch > 1 else 2,
        n_init=1,
        reassignment_ratio=0.01,
        compute_labels=False,
        random_state=seed,
    ).fit(points)
    member = np.empty(len(points), np.int32)
    for start in range(0, len(points), CHUNK):
        member[start : start + CHUNK] = model.predict(points[start : start + CHUNK])
    used, renumbered = np.unique(member, return_inverse=True)
    return renumbered.astype(np.int32), model.cluster_centers_[used].astype(np.float32)
