"""From a score table to a payload: keep the most useful images (paper, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pladafmt import Payload

from ..features.target import Features, Target
from ..labelling.histogram import count_labels
from ..labelling.scores import ScoreTable
from .evidence import Evidence
from .ranked import Ranked, rank
from .rule import Selection


@dataclass(frozen=True)
class Pruned:
    """A payload, and what the selection did to each class.

    Attributes:
        payload: the kept images with their pseudo-labels.
        supply: pseudo-labels of each class in the whole pool, int64 of shape (C,).
        kept: kept images of each class, int64 of shape (C,).
    """

    payload: Payload
    supply: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]

    @property
    def vanished(self) -> list[str]:
        """Names of the classes that no kept image stands for."""
        return [name for name, n in zip(self.payload.class_names, self.kept, strict=True) if not n]


@dataclass(frozen=True, eq=False)
class Pruner:
    """A score table ranked by one rule: prunes it to any number of images.

    Attributes:
        table: the pool's scores.
        ranked: the pool in the rule's order.
        metadata: what the payload says of itself.
        named: whether the payload holds the class names.
    """

    table: ScoreTable
    ranked: Ranked
    metadata: dict[str, Any] | None = None
    named: bool = True

    def __call__(self, keep: int) -> Pruned:
        """The payload of the `keep` images that the rule keeps."""
        table, classes = self.table, len(self.table.classes)
        positions = self.ranked.keep(keep)
        everything = len(positions) == len(table)
        labels = table.labels if everything else table.labels[positions]
        return Pruned(
            payload=Payload(
                pool=table.pool,
                classes=list(table.classes) if self.named else classes,
                positions=positions,
                labels=labels,
                metadata=self.metadata,
            ),
            supply=self.ranked.supply,
            kept=self.ranked.supply if everything else count_labels(labels, classes),
        )


def evidence_of(
    table: ScoreTable, features: Features | None = None, target: Target | None = None
) -> Evidence:
    """What rankings may read of a table, with the features of its pool where they are known."""
    return Evidence(table.labels, table.columns, len(table.classes), features, target)


def prune(
    table: ScoreTable,
    rule: Selection,
    keep: int,
    *,
    metadata: dict[str, Any] | None = None,
    named: bool = True,
) -> Pruned:
    """Return the payload of the `keep` images that `rule` selects from `table`.

    Args:
        table: the pool's scores.
        rule: the selection, by score; those that compare images take a `Pruner`.
        keep: K.
        metadata: what the payload says of itself.
        named: whether the payload holds the class names.
    """
    return Pruner(table, rank(evidence_of(table), rule), metadata, named)(keep)
