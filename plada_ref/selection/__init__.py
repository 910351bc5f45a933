"""Which images to keep: rankings of a pool's images, and quotas for its classes over them.

A ranking gives every image a sort key (`RANKINGS`); `rank_images` computes those of one selection
and `RankedImages.keep` takes the K images of smallest sort key, under a Safety-Net if there is one.
`producer.Producer` makes payloads of them. What the paper leaves open is decided here;
`docs/selection.md` lists the decisions.
"""

from __future__ import annotations

from .evidence import Evidence, Positions
from .quotas import count_of, quotas
from .ranked import RankedImages, rank_images
from .rankings.registry import RANKINGS, Ranking
from .rankings.shuffle import random_sort_keys
from .rule import Choice, RuleSelection, SafetyNet, Selection, choose, parse, spell
from .size import Size

__all__ = [
    "RANKINGS",
    "Choice",
    "Evidence",
    "Positions",
    "RankedImages",
    "Ranking",
    "RuleSelection",
    "SafetyNet",
    "Selection",
    "Size",
    "choose",
    "count_of",
    "parse",
    "quotas",
    "random_sort_keys",
    "rank_images",
    "spell",
]
