"""A pool as a teacher sees it, and which of its images a keep rate keeps."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Kept:
    """Kept images: what a payload has to say, and nothing else.

    Attributes:
        positions: pool positions, strictly increasing, int64, shape (K,).
        labels: their pseudo-labels, uint16, shape (K,).
        pool_size: N, images in the pool.
        classes: C.
    """

    positions: npt.NDArray[np.int64]
    labels: npt.NDArray[np.uint16]
    pool_size: int
    classes: int


@dataclass(frozen=True, eq=False)
class ScoredPool:
    """Every image of a pool with its pseudo-label and energy, in pool order.

    Attributes:
        name: what the pool and task are called in tables.
        labels: pseudo-labels, uint16, shape (N,).
        energy: minus log-sum-exp of the logits, shape (N,); low ones are kept first.
        classes: C.
    """

    name: str
    labels: npt.NDArray[np.uint16]
    energy: npt.NDArray[np.floating]
    classes: int

    def arranged(self, order: npt.NDArray[np.int64], name: str) -> ScoredPool:
        """Return the same images in another order: `order` lists old positions, shape (N,)."""
        return ScoredPool(name, self.labels[order], self.energy[order], self.classes)

    def keep(self, rate: float) -> Kept:
        """Return the floor(N * rate) images of lowest energy, the first ones among equals."""
        # The paper floors as well. Rounding first: 0.1 * 50 must not become 4.999... and then 4.
        count = int(round(len(self.labels) * rate, 6))
        lowest = np.argsort(self.energy, kind="stable")[:count]
        positions = np.sort(lowest).astype(np.int64)
        return Kept(positions, self.labels[positions], len(self.labels), self.classes)


def read(path: str | os.PathLike[str]) -> ScoredPool:
    """Read real scores: a table from `plada label`, or an .npz file.

    An .npz file holds `labels` (N,) and `energy` (N,), and may hold `classes`, the number C;
    without it, C is the largest label + 1.
    """
    name = os.fspath(path)
    title = os.path.splitext(os.path.basename(name))[0]
    if not name.endswith(".npz"):
        # Imported here: only this branch needs pyarrow.
        from plada_ref.labelling.scores import ScoreTable

        table = ScoreTable.read(name)
        return ScoredPool(title, table.labels, table.energy, len(table.classes))
    with np.load(name) as stored:
        labels = stored["labels"].astype(np.uint16)
        energy = stored["energy"]
        classes = int(stored["classes"]) if "classes" in stored else int(labels.max()) + 1
    if labels.shape != energy.shape or labels.ndim != 1:
        raise SystemExit(f"{name}: labels {labels.shape} and energy {energy.shape} do not match.")
    return ScoredPool(title, labels, energy, classes)
