"""Two rankings in turn: the images that a head lacks, and those of which the teacher is sure.

A linear head learns most from the first, whose labels are often wrong; a network that trains whole
learns from the second, which are much alike. Of a task that is far from the pool, both can learn
more from half of each than from all of one (docs/selection.md).
"""

from __future__ import annotations

import numpy as np

from ..evidence import Evidence, Positions
from .by_class import in_turn, rank_in_class
from .gradient_matching import gradient_matching
from .herding import herding_confident


def mixed(evidence: Evidence, seed: int) -> Positions:
    """Sort keys by which each class's images follow alternately, each image once.

    The first of a class is that of gradient matching, the next that of confident herding.

    Args:
        seed: draws gradient matching's shortlist of a large pool.
    """
    labels = evidence.labels
    lacked, sure = (
        rank_in_class(labels, ranking(evidence, seed))
        for ranking in (gradient_matching, herding_confident)
    )
    turns = np.minimum(2 * lacked, 2 * sure + 1)
    return in_turn(labels, evidence.classes, rank_in_class(labels, turns))
