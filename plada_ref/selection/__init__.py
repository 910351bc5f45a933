"""Which images to keep: rankings of a pool's images, and quotas for its classes over them.

A ranking gives every image a sort key (`rankings.RANKINGS`); `choice.rank` computes the keys of one
rule and `choice.Ranked.keep` takes the K images of smallest key, under a Safety-Net if the rule has
one. What the paper leaves open is decided here; `docs/selection.md` lists the decisions.
"""

from __future__ import annotations

from .evidence import Evidence, Positions
from .quotas import count_of, quotas
from .ranked import Ranked, rank
from .rankings.registry import RANKINGS, Ranking
from .rankings.shuffle import shuffle_keys
from .rule import SafetyNet, Selection, parse

__all__ = [
    "RANKINGS",
    "Evidence",
    "Positions",
    "Ranked",
    "Ranking",
    "SafetyNet",
    "Selection",
    "count_of",
    "parse",
    "quotas",
    "rank",
    "shuffle_keys",
]
