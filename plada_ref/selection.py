"""Which images to keep: rankings by score, and the Safety-Net over them.

Everything here is integer arithmetic or exact decimal arithmetic on the numbers of a score table,
so the same table and the same seed give the same selection on any machine. What the paper leaves
open is decided here; `docs/selection.md` lists the decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

import numpy as np
import numpy.typing as npt

from .errors import Misuse

RANKINGS: dict[str, tuple[str, int] | None] = {
    "low-energy": ("energy", 1),
    "high-energy": ("energy", -1),
    "low-entropy": ("entropy", 1),
    "high-entropy": ("entropy", -1),
    "high-margin": ("margin", -1),
    "low-margin": ("margin", 1),
    "random": None,
}
"""Every ranking: the column of the score table that it reads, and 1 if small values come first.

The first of each pair of tails keeps what the teacher is surest of (paper, section 4), the second
what it is least sure of (the paper's "opposite", for tasks far from the pool).
"""

Positions = npt.NDArray[np.int64]
Labels = npt.NDArray[np.uint16]
Column = npt.NDArray[np.float32]

# Decimal arithmetic of a fixed precision gives the same digits on every machine; the floating-point
# `pow` of different C libraries does not.
_DECIMAL = Context(prec=40)


@dataclass(frozen=True, kw_only=True)
class SafetyNet:
    """A share of the budget that is given to classes by quota (paper, section 4.3).

    Attributes:
        share: s, the part of the kept images that the quotas govern, 0 to 1.
        alpha: quotas are proportional to N_c ** alpha, where N_c counts the class's pseudo-labels
            in the whole pool: 1 is proportional, 0 is equal, below 0 favours rare classes.
    """

    share: float = 0.5
    alpha: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise Misuse(f"The Safety-Net's share lies in 0 to 1, not {self.share}.")
        if not -8 <= self.alpha <= 8:
            raise Misuse(f"The Safety-Net's alpha lies in -8 to 8, not {self.alpha}.")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A rule that says which images are kept.

    Attributes:
        ranking: what comes first, one of `RANKINGS`.
        safety_net: per-class quotas, or None.
        seed: decides the order of `random`; the other rankings do not use it.
    """

    ranking: str = "low-energy"
    safety_net: SafetyNet | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.ranking not in RANKINGS:
            raise Misuse(f"Unknown ranking {self.ranking!r}; choose one of {', '.join(RANKINGS)}.")

    @property
    def name(self) -> str:
        """A short name, such as ``"low-energy + safety-net(s=0.5, alpha=0)"``."""
        if self.safety_net is None:
            return self.ranking
        return (
            f"{self.ranking} + safety-net(s={self.safety_net.share:g}, "
            f"alpha={self.safety_net.alpha:g})"
        )

    @property
    def slug(self) -> str:
        """The name as part of a file name, such as ``"low-energy-net-s0.5-a0"``."""
        if self.safety_net is None:
            return self.ranking
        return f"{self.ranking}-net-s{self.safety_net.share:g}-a{self.safety_net.alpha:g}"


def parse(text: str, *, seed: int = 0) -> Selection:
    """Return the selection that a short spelling stands for.

    The names of `RANKINGS` stand alone, or are followed by a Safety-Net:
    ``random+safety-net``, ``low-energy+safety-net:alpha=0.5,share=0.5``. ``safety-net`` alone means
    ``low-energy+safety-net``.

    Raises:
        Misuse: for anything else.
    """
    ranking_text, _, net_text = text.partition("+")
    if ranking_text.startswith("safety-net"):
        ranking_text, net_text = "low-energy", text
    ranking = ranking_text if ranking_text in RANKINGS else None
    word, _, settings = net_text.partition(":")
    if ranking is None or word not in ("", "safety-net") or ("+" in text and not word):
        raise Misuse(
            f"{text!r} is no selection; write {', '.join(RANKINGS)}, or one of them followed by "
            "+safety-net or +safety-net:alpha=0.5,share=0.5."
        )
    if not word:
        return Selection(ranking=ranking, seed=seed)
    values: dict[str, float] = {}
    for setting in filter(None, settings.split(",")):
        key, _, number = setting.partition("=")
        try:
            values[{"alpha": "alpha", "share": "share"}[key]] = float(number)
        except (KeyError, ValueError):
            raise Misuse(
                f"A Safety-Net has the settings alpha=NUMBER and share=NUMBER, not {setting!r}."
            ) from None
    return Selection(ranking=ranking, safety_net=SafetyNet(**values), seed=seed)


def count_of(pool_size: int, *, keep_rate: float | None = None, count: int | None = None) -> int:
    """Return K, the number of images to keep.

    A keep rate p gives floor(N * p), as in the paper's sizes, where p is taken as the decimal
    number that was typed: 1 % of 14,197,122 images is 141,971.
    """
    if (keep_rate is None) == (count is None):
        raise Misuse("Give either a keep rate or a count of images to keep, not both.")
    if keep_rate is not None:
        if not 0 < keep_rate <= 1:
            raise Misuse(f"A keep rate lies above 0 and up to 1 (0.01 keeps 1 %), not {keep_rate}.")
        return int(_DECIMAL.multiply(Decimal(repr(keep_rate)), Decimal(pool_size)))
    assert count is not None
    if not 0 <= count <= pool_size:
        raise Misuse(f"Cannot keep {count} of a pool of {pool_size} images.")
    return count


def select(
    labels: Labels, scores: Mapping[str, Column], classes: int, keep: int, rule: Selection
) -> Positions:
    """Return the positions that `rule` keeps, ascending, int64 of shape (keep,).

    Args:
        labels: pseudo-label of each pool image, shape (N,).
        scores: columns of the score table by name, each of shape (N,); those that `rule` reads.
        classes: C.
        keep: K, at most N.
        rule: the selection.
    """
    order = _order(labels.size, scores, rule)
    if rule.safety_net is None:
        return np.sort(order[:keep])
    net = rule.safety_net
    reserved = int(_DECIMAL.multiply(Decimal(repr(net.share)), Decimal(keep)))
    supply = np.bincount(labels, minlength=classes)
    quota = quotas(supply, reserved, net.alpha)
    # Rank within the class: images sorted by class, each class in the global order.
    by_class = order[np.argsort(labels[order], kind="stable")]
    starts = np.cumsum(supply) - supply
    rank = np.arange(by_class.size) - np.repeat(starts, supply)
    filled = by_class[rank < np.repeat(quota, supply)]
    taken = np.zeros(labels.size, dtype=np.bool_)
    taken[filled] = True
    rest = order[~taken[order]][: keep - filled.size]
    taken[rest] = True
    return np.flatnonzero(taken)


def _order(size: int, scores: Mapping[str, Column], rule: Selection) -> Positions:
    """Return every position, the most wanted first; among equals the lower position wins."""
    column = RANKINGS[rule.ranking]
    if column is None:
        return np.argsort(shuffle_keys(size, rule.seed), kind="stable")
    name, sign = column
    values = scores[name]
    return np.argsort(values if sign > 0 else -values, kind="stable")


def shuffle_keys(size: int, seed: int) -> npt.NDArray[np.uint64]:
    """Return a pseudo-random 64-bit key for each of `size` positions.

    SplitMix64 (Steele, Lea and Flood, 2014) over the position, started at `seed`: three lines in
    any language, where library generators differ between versions.
    """
    state = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state += np.uint64(seed % 2**64)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def quotas(supply: npt.NDArray[np.int64], budget: int, alpha: float) -> npt.NDArray[np.int64]:
    """Share `budget` images among classes in proportion to ``supply ** alpha``.

    Args:
        supply: N_c, the pseudo-labels of each class in the pool, shape (C,).
        budget: images to hand out; at most the sum of `supply` is handed out.
        alpha: exponent. A class without pseudo-labels has quota 0, whatever alpha is.

    Returns:
        Quotas, int64 of shape (C,), none above its supply. They add up to `budget` (or to all
        there is): largest remainders round, ties going to the lower class number, and what a class
        cannot fill is shared among the others in the same proportion.
    """
    quota = np.zeros(supply.size, dtype=np.int64)
    budget = min(budget, int(supply.sum()))
    exponent = Decimal(repr(float(alpha)))
    weights = {
        int(c): _DECIMAL.power(Decimal(int(supply[c])), exponent) for c in np.flatnonzero(supply)
    }
    open_classes = dict(weights)
    left = budget
    while open_classes:
        total = sum(open_classes.values(), Decimal(0))
        full = [
            c
            for c, weight in open_classes.items()
            if _DECIMAL.multiply(Decimal(left), weight) >= int(supply[c]) * total
        ]
        if not full:
            break
        # A class whose share is at least its supply gives all it has; the others share anew.
        for c in full:
            quota[c] = supply[c]
            left -= int(supply[c])
            del open_classes[c]
    if open_classes and left > 0:
        total = sum(open_classes.values(), Decimal(0))
        shares = {
            c: _DECIMAL.divide(_DECIMAL.multiply(Decimal(left), w), total)
            for c, w in open_classes.items()
        }
        for c, share in shares.items():
            quota[c] = int(share)
        remaining = left - sum(int(share) for share in shares.values())
        by_remainder = sorted(shares, key=lambda c: (-(shares[c] - int(shares[c])), c))
        for c in by_remainder[:remaining]:
            quota[c] += 1
    return quota
