"""Signs that pseudo-labels have collapsed, so that a student would learn next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pladafmt.text import for_terminal

STARVED = 0.1
"""A class with fewer pseudo-labels than this part of the equal share N/C is starved."""

SWALLOWING = 0.5
"""One class with more than this part of all pseudo-labels, and three equal shares, swallows."""

_SHOWN = 8


@dataclass(frozen=True)
class Collapse:
    """Class numbers that the criteria of this module name."""

    starved: tuple[int, ...]
    swallowing: int | None

    def __bool__(self) -> bool:
        return bool(self.starved) or self.swallowing is not None


def find_collapse(histogram: npt.NDArray[np.int64]) -> Collapse:
    """Look for collapse in the pseudo-labels of each class, shape (C,)."""
    total, classes = int(histogram.sum()), len(histogram)
    if total == 0 or classes < 2:
        return Collapse((), None)
    share = total / classes
    starved = tuple(int(c) for c in np.flatnonzero(histogram < STARVED * share))
    most = int(histogram.argmax())
    swallows = histogram[most] > max(SWALLOWING * total, 3 * share)
    return Collapse(starved, most if swallows else None)


def warnings(histogram: npt.NDArray[np.int64], classes: Sequence[str]) -> list[str]:
    """One or two sentences for people, none when all is well."""
    found = find_collapse(histogram)
    if not found:
        return []
    said: list[str] = []
    total = int(histogram.sum())
    if found.starved:
        named = [f"{for_terminal(classes[c])} ({histogram[c]:,})" for c in found.starved[:_SHOWN]]
        more = len(found.starved) - len(named)
        said.append(
            f"{len(found.starved)} of {len(classes)} classes have fewer pseudo-labels than a tenth "
            f"of the equal share ({total / len(classes):,.0f} images each): {', '.join(named)}"
            + (f" and {more:,} more." if more else ".")
        )
    if found.swallowing is not None:
        count = histogram[found.swallowing]
        said.append(
            f"The class {for_terminal(classes[found.swallowing])} has "
            f"{100 * count / total:.0f} % of all pseudo-labels, more than half."
        )
    said.append(
        "The teacher may take the pool's images for something else than the task's: teach it with "
        "--tune head or slow, and with --via-size at the resolution of the task's images; or the "
        "pool simply holds few such images."
    )
    return said
