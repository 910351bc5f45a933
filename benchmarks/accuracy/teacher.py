"""The benchmark's teacher: a linear head on the frozen backbone, which labels the pool."""

from __future__ import annotations

import numpy as np

from plada_ref.features.head import fit_default_head
from plada_ref.features.target import Features, Target
from plada_ref.labelling.scores import ScoreFacts, Scores, ScoreTable, score
from pladafmt import PoolRef

_ROWS = 16_384


def label(
    target: Target, features: Features, pool: PoolRef, classes: tuple[str, ...]
) -> ScoreTable:
    """The scores of a pool by a linear head that has learned from the target's features."""
    teacher = fit_default_head(target.features, target.labels, len(classes))
    weight, bias = teacher.weight.numpy().T, teacher.bias.numpy()
    parts = [
        score(features[start : start + _ROWS].astype(np.float32) @ weight + bias)
        for start in range(0, len(features), _ROWS)
    ]
    columns = {
        name: np.concatenate([getattr(one, name) for one in parts])
        for name in Scores.__dataclass_fields__
    }
    return ScoreTable.of(ScoreFacts(pool, classes, ""), Scores(**columns))
