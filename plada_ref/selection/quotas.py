"""How many images to keep, and how they are shared among classes: exact decimal arithmetic."""

from __future__ import annotations

from decimal import Context, Decimal
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pladafmt.limits import MAX_CLASSES

from ..errors import Misuse

# Decimal arithmetic of a fixed precision gives the same digits on every machine; the floating-point
# `pow` of different C libraries does not.
_DECIMAL = Context(prec=40)


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
        return part_of(pool_size, keep_rate)
    assert count is not None
    if not 0 <= count <= pool_size:
        raise Misuse(f"Cannot keep {count} of a pool of {pool_size} images.")
    return count


def part_of(count: int, share: float) -> int:
    """Return floor(share * count), the share taken as the decimal number that was typed."""
    return int(_DECIMAL.multiply(Decimal(repr(share)), Decimal(count)))


@lru_cache(maxsize=MAX_CLASSES)
def _power(supply: int, exponent: Decimal) -> Decimal:
    """``supply ** exponent``: a quarter of a millisecond, so that a budget search asks once."""
    return _DECIMAL.power(Decimal(supply), exponent)


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
    weights = {int(c): _power(int(supply[c]), exponent) for c in np.flatnonzero(supply)}
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
        # A class whose share is at least its supply gives all it has; the others share again.
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
