"""What is missing from a damaged file, as far as what is left of it says."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .gather import Gathering
from .outcome import Counts, Names

CLASS_COUNTS = "class_counts"
"""Member of metadata: kept images of each class, an array of C integers."""


def names_of(gathering: Gathering, lost: int, *, same: bool) -> Names:
    """Return what became of the class names; see `Salvaged.names`."""
    if gathering.contents.names is not None:
        return "kept"
    if same:
        return "none"
    return "unknown" if lost else "lost"


def lost_ranges(gathering: Gathering, lost: int) -> list[tuple[int, int]]:
    """Return the positions between recovered blocks among which the lost images lie."""
    if lost == 0:
        return []
    blocks = gathering.contents.blocks
    starts = [0, *gathering.contents.ends]
    ends = [*(int(each.positions[0]) for each in blocks), gathering.contents.head.pool.size]
    gaps = list(zip(starts, ends, strict=True))
    broken = [*gathering.broken_before, gathering.broken_behind]
    found = [gap for gap, is_broken in zip(gaps, broken, strict=True) if is_broken]
    if gathering.disordered or sum(end - start for start, end in found) < lost:
        found = gaps
    return [(start, end) for start, end in found if start < end]


def lost_per_class(
    gathering: Gathering, per_class: Counts, lost: int
) -> tuple[Counts | None, Literal["metadata", "estimate"] | None]:
    """Return the lost images of each class, or None if that is not known, and the source of it."""
    kept = gathering.contents.head.kept
    if lost == 0:
        return np.zeros_like(per_class), None
    stated = (gathering.contents.metadata or {}).get(CLASS_COUNTS)
    if (
        isinstance(stated, list)
        and len(stated) == per_class.size
        and all(type(count) is int and 0 <= count <= kept for count in stated)
        and sum(stated) == kept
    ):
        counts = np.array(stated, dtype=np.int64) - per_class
        if int(counts.min()) >= 0:
            return counts, "metadata"
    if int(gathering.estimate.sum()) == lost:
        return gathering.estimate, "estimate"
    return None, None
