"""A short path through all centroids: the open travelling salesman, by 2-opt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Path = npt.NDArray[np.int64]
Distances = npt.NDArray[np.float32]

_ROUNDS = 30
_LEAST_GAIN = 1e-6
"""Of the mean distance; rounding must not make a reversal look like a gain for ever."""


def chain(centroids: npt.NDArray[np.float32]) -> Path:
    """The centroids' numbers in an order in which neighbours are near, shape (k,).

    From the centroid farthest from the mean, always on to the nearest that is left (greedy); then
    stretches are reversed as long as that makes the path shorter (2-opt). Takes k x k numbers of
    memory: 268 MB for 8,192 centroids.
    """
    if len(centroids) < 3:
        return np.arange(len(centroids))
    distances = _distances(centroids)
    from_mean = centroids - centroids.mean(axis=0)
    path = _greedy(distances, int((from_mean**2).sum(axis=1).argmax()))
    return _two_opt(path, distances)


def _distances(centroids: npt.NDArray[np.float32]) -> Distances:
    squares = (centroids**2).sum(axis=1)
    found = squares[:, None] + squares[None, :]
    found -= 2 * centroids @ centroids.T
    np.maximum(found, 0, out=found)
    np.sqrt(found, out=found)
    return np.asarray(found, np.float32)


def _greedy(distances: Distances, start: int) -> Path:
    taken = np.zeros(len(distances), bool)
    path = np.empty(len(distances), np.int64)
    here = start
    for step in range(len(path)):
        path[step] = here
        taken[here] = True
        if step + 1 < len(path):
            here = int(np.where(taken, np.inf, distances[here]).argmin())
    return path


def _two_opt(path: Path, distances: Distances) -> Path:
    """Reverse path[i+1 .. j] for the best j of each i, until nothing gets shorter."""
    count = len(path)
    least = _LEAST_GAIN * float(distances.mean())
    for _ in range(_ROUNDS):
        improved = False
        for i in range(-1, count - 2):
            first = path[i + 1]
            lasts = path[i + 2 :]  # path[j]; what follows each is path[j + 1].
            change = np.zeros(len(lasts), np.float32)
            change[:-1] = distances[first, lasts[1:]] - distances[lasts[:-1], lasts[1:]]
            if i >= 0:  # Before the path's first centroid there is no edge.
                change += distances[path[i], lasts] - distances[path[i], first]
            best = int(change.argmin())
            if change[best] < -least:
                stop = i + 3 + best
                path[i + 1 : stop] = path[i + 1 : stop][::-1].copy()
                improved = True
        if not improved:
            break
    return path
