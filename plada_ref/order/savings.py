"""What an order saves: bytes of a payload, against the bytes of the permutation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pladafmt import Payload, PoolRef, dumps

from ..errors import PipelineError
from ..labelling.scores import ScoreTable
from ..pool import Manifest
from ..selection import Evidence, Selection, count_of, rank_images
from .bins import permutation_of
from .permutation import Permutation, rows_in_key_order


@dataclass(frozen=True)
class Savings:
    """Payload sizes of one task at one keep rate, whole files with the dense encoding.

    Attributes:
        keep_rate: kept images / pool size.
        key_bytes: in key order.
        ordered_bytes: in the permutation's order.
        permutation_bytes: size of the permutation file.
    """

    keep_rate: float
    key_bytes: int
    ordered_bytes: int
    permutation_bytes: int

    @property
    def saved(self) -> int:
        """Bytes saved per payload; below 0 if the order costs bytes."""
        return self.key_bytes - self.ordered_bytes

    @property
    def break_even(self) -> int | None:
        """Payloads like this one after which the permutation has paid; None if it never does."""
        return math.ceil(self.permutation_bytes / self.saved) if self.saved > 0 else None


def measure_savings(
    permutation: Permutation,
    manifest: Manifest,
    scores: ScoreTable,
    keep_rate: float,
    *,
    permutation_bytes: int,
) -> Savings:
    """Measure the lowest-energy images of one task in both orders.

    Args:
        manifest: the pool in the order of the score table, whatever that is.
        scores: a teacher's scores of that pool.

    Raises:
        PipelineError: if the table is for another pool.
    """
    if scores.pool != manifest.pool:
        raise PipelineError(
            f"The score table is for the pool {scores.pool.id.hex()} of {scores.pool.size:,} "
            f"images, but the manifest's is {manifest.pool.id.hex()} of {manifest.pool.size:,}; "
            "label this pool."
        )
    # Matching by key serves every order of the manifest.
    rows = rows_in_key_order(manifest)
    labels, energy = scores.labels[rows], scores.energy[rows]
    evidence = Evidence.keepable(labels, {"energy": energy}, len(scores.classes))
    keep = min(count_of(len(labels), keep_rate=keep_rate), len(evidence))
    kept = rank_images(evidence, Selection()).keep(keep)
    new_position = np.empty(len(labels), np.int64)
    new_position[permutation_of(permutation.bins)] = np.arange(len(labels))
    moved = new_position[kept]
    order = np.argsort(moved)

    def size(pool: PoolRef, positions: npt.NDArray[np.int64], images: npt.NDArray[np.int64]) -> int:
        return len(dumps(Payload(pool, scores.classes, positions, labels[images]), dense=True))

    return Savings(
        keep_rate,
        size(permutation.base, kept, kept),
        size(permutation.result, moved[order], kept[order]),
        permutation_bytes,
    )
