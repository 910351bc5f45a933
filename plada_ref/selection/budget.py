"""Byte budgets: how many images fit (the size of a file is found by encoding it, not estimated)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Misuse

UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "KIB": 1024, "MIB": 1024**2}
"""KB is 1,000 bytes and KiB 1,024, here as everywhere."""

_BUDGET = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) *(?P<unit>[A-Za-z]*)")

FIRST_TRY = 16
"""Images of the first try; the next ones have twice as many until the budget is exceeded."""


class NoRoom(Misuse):
    """A budget of bytes that not even the smallest file fits."""


def parse_bytes(text: str) -> int:
    """Return the number of bytes in ``"20KB"``, ``"1.5 KiB"`` or ``"800"``, rounded down.

    Raises:
        Misuse: for anything else.
    """
    match = _BUDGET.fullmatch(text.strip())
    factor = UNITS.get(match["unit"].upper()) if match else None
    if match is None or factor is None:
        raise Misuse(f"A budget is a number of bytes, such as 800, 20KB or 1.5KiB; not {text!r}.")
    whole, _, fraction = match["number"].partition(".")
    # In integers: 1.1 KB are 1,100 bytes, not a binary fraction near them.
    scale: int = 10 ** len(fraction)
    return int(whole + fraction) * factor // scale


@dataclass(frozen=True)
class Largest:
    """The largest file that fits into a budget.

    Attributes:
        keep: images to keep.
        size: bytes of the file that keeps them.
        next_size: bytes of the file that keeps one more, or None if there is no more.
        tries: number of files that were encoded.
    """

    keep: int
    size: int
    next_size: int | None
    tries: int


def largest_within(size_of: Callable[[int], int], most: int, budget: int) -> Largest:
    """Return a number of images whose file fits `budget` while that of one more does not.

    The search assumes that files grow with the number of images, as they nearly always do: where
    one shrinks, another such number may exist. What is returned is exact all the same, since both
    sizes were measured.

    Args:
        size_of: bytes of the file that keeps this many images, 0 to `most`.
        most: images that there are.
        budget: bytes.

    Raises:
        NoRoom: if not even a file without an image fits.
    """
    sizes: dict[int, int] = {}

    def measured(keep: int) -> int:
        if keep not in sizes:
            sizes[keep] = size_of(keep)
        return sizes[keep]

    if measured(0) > budget:
        raise NoRoom(
            f"A budget of {budget:,} bytes is too small: the file takes {measured(0):,} without "
            "any image. Raise the budget, or leave out class names (--unnamed) or metadata "
            "(--no-metadata)."
        )
    low, high = 0, min(FIRST_TRY, most)
    while high < most and measured(high) <= budget:
        low, high = high, min(2 * high, most)
    if measured(high) <= budget:
        return Largest(high, measured(high), None, len(sizes))
    while high - low > 1:
        middle = (low + high) // 2
        if measured(middle) <= budget:
            low = middle
        else:
            high = middle
    return Largest(low, measured(low), measured(high), len(sizes))
