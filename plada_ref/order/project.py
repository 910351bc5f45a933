"""From a backbone's features to few dimensions in which neighbours are alike.

Each feature vector is scaled to length one and centred; a multiple of the mean over the image's
folder is added; the result is turned to its principal components. The folder's mean draws images
of one folder together and does not force them: where looks differ much, looks decide. All of this
takes two passes over the features, in chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import PipelineError

if TYPE_CHECKING:
    from ..features.cache import CachedView

CHUNK = 8192
"""Images in memory at a time."""

Projected = npt.NDArray[np.float32]


def project(
    view: CachedView,
    count: int,
    folders: npt.NDArray[np.int32] | None,
    *,
    folder_weight: float,
    dimensions: int,
    path: Path,
) -> Projected:
    """Features in their principal components, float32 of shape (N, min(dimensions, D)) on disk.

    Memory: folders x D and D x D numbers, and a chunk of features.

    Args:
        view: all features of the pool.
        count: N, at least 1.
        folders: the number of each image's folder, shape (N,), or None for no folders.
        folder_weight: how many times the folder's mean is added; 0 leaves folders out.
        dimensions: principal components to keep.
        path: file to write, or to write over.

    Raises:
        PipelineError: if a feature is not a finite number.
    """
    if folders is None or folder_weight == 0:
        folders = np.zeros(count, np.int32)  # One folder, whose mean is zero.
    mean, second, folder_means, folder_sizes = _moments(view, count, folders)
    # Cov(x + w m) for the mean m of x within its folder: E[x m'] = E[m m'].
    between = (folder_means * folder_sizes[:, None]).T @ folder_means / count
    covariance = second + (2 * folder_weight + folder_weight**2) * between
    basis = np.linalg.eigh(covariance)[1][:, ::-1][:, :dimensions].astype(np.float32)
    shift = (folder_weight * folder_means - mean).astype(np.float32) @ basis
    found = np.memmap(path, dtype=np.float32, mode="w+", shape=(count, basis.shape[1]))
    for start, x in _unit_rows(view, count):
        stop = start + len(x)
        found[start:stop] = x @ basis + shift[folders[start:stop]]
    found.flush()
    return found


def _moments(
    view: CachedView, count: int, folders: npt.NDArray[np.int32]
) -> tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.int64],
]:
    """(mean (D,), covariance (D, D), folder means less the mean (G, D), folder sizes (G,))."""
    sizes = np.bincount(folders)
    sums: npt.NDArray[np.float64] | None = None
    products: npt.NDArray[np.float64] | None = None
    for start, x in _unit_rows(view, count):
        if sums is None or products is None:
            sums = np.zeros((len(sizes), x.shape[1]))
            products = np.zeros((x.shape[1], x.shape[1]))
        mine = folders[start : start + len(x)]
        order = np.argsort(mine, kind="stable")
        numbers, starts = np.unique(mine[order], return_index=True)
        sums[numbers] += np.add.reduceat(x[order].astype(np.float64), starts, axis=0)
        products += x.T @ x
    assert sums is not None and products is not None
    mean = sums.sum(axis=0) / count
    covariance = products / count - np.outer(mean, mean)
    return mean, covariance, sums / np.maximum(sizes, 1)[:, None] - mean, sizes


def _unit_rows(view: CachedView, count: int) -> Iterator[tuple[int, Projected]]:
    """Yield (first row, features of length one) in chunks."""
    for start in range(0, count, CHUNK):
        rows = np.arange(start, min(start + CHUNK, count), dtype=np.int64)
        x = view.get(rows).astype(np.float32)
        if not np.isfinite(x).all():
            raise PipelineError(
                "The backbone gives features that are not finite numbers of 16 bits; choose other "
                "--weights or another --model."
            )
        yield start, x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
