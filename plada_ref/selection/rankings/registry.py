"""The registry of rankings: what each is called, what it reads, and its sort keys.

Every ranking is a function of evidence and seed that returns one sort key per pool image, shape
(N,), of any dtype that compares: small keys are kept first, and among equal keys the lower
position.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..evidence import Evidence, Positions
from .diversity import k_center, prototype
from .gradient_matching import gradient_matching
from .herding import herding, herding_confident, herding_logits
from .mixed import mixed
from .shuffle import RandomKeys


class SortKeys(Protocol):
    """Sort keys of N images, as an array of shape (N,) has them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Positions | slice, /) -> npt.NDArray[Any]: ...


@dataclass(frozen=True)
class Ranking:
    """One way to order a pool.

    Attributes:
        sort_keys: computes them, shape (N,).
        about: a phrase for people.
        compares: whether it needs the features of pool and target images.
    """

    sort_keys: Callable[[Evidence, int], SortKeys]
    about: str
    compares: bool = False


def _column(name: str, sign: int) -> Callable[[Evidence, int], npt.NDArray[np.float32]]:
    def sort_keys(evidence: Evidence, seed: int) -> npt.NDArray[np.float32]:
        values = evidence.scores[name]
        return values if sign > 0 else -values

    return sort_keys


def _random(evidence: Evidence, seed: int) -> SortKeys:
    return RandomKeys(len(evidence), seed)


def _consensus(evidence: Evidence, seed: int) -> Positions:
    """Sum of the ranks by energy, entropy, margin and probability: each score votes alike."""
    ranks = np.zeros(len(evidence), dtype=np.int64)
    for name, sign in (("energy", 1), ("entropy", 1), ("margin", -1), ("probability", -1)):
        order = np.argsort(_column(name, sign)(evidence, seed), kind="stable")
        ranks[order] += np.arange(len(evidence))
    return ranks


RANKINGS: dict[str, Ranking] = {
    "low-energy": Ranking(_column("energy", 1), "the paper's rule"),
    "high-energy": Ranking(_column("energy", -1), "the paper's opposite, for far tasks"),
    "low-entropy": Ranking(_column("entropy", 1), "least Shannon entropy"),
    "high-entropy": Ranking(_column("entropy", -1), "its opposite"),
    "high-margin": Ranking(_column("margin", -1), "largest lead of the first over the second"),
    "low-margin": Ranking(_column("margin", 1), "its opposite"),
    "high-probability": Ranking(_column("probability", -1), "most probable first class"),
    "low-probability": Ranking(_column("probability", 1), "its opposite"),
    "consensus": Ranking(_consensus, "the four scores together"),
    "random": Ranking(_random, "chance"),
    "prototype": Ranking(prototype, "nearest to the class's mean, by class in turn", True),
    "k-center": Ranking(k_center, "farthest from those before, by class in turn", True),
    "herding": Ranking(herding, "together nearest to the class's mean, by class in turn", True),
    "herding-logits": Ranking(herding_logits, "the same among a linear head's logits", True),
    "herding-confident": Ranking(
        herding_confident, "herding among what the teacher is surest of", True
    ),
    "gradient-matching": Ranking(
        gradient_matching, "herding, then what a student's head still lacks", True
    ),
    "mixed": Ranking(mixed, "gradient-matching and herding-confident in turn", True),
}
"""Every ranking by name.

The first of each pair of tails keeps what the teacher is surest of (paper, section 4), the second
what it is least sure of. "By class in turn": any prefix keeps equally many images of each class.
"""
