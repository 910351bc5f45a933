"""A random order that is the same in any language and version."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..evidence import Positions

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class RandomKeys:
    """A pseudo-random 64-bit sort key for each of `size` positions, computed when asked for.

    SplitMix64 (Steele, Lea and Flood, 2014) over the position, started at `seed`: three lines in
    any language, where library generators differ between versions.
    """

    size: int
    seed: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, rows: Positions | slice) -> Keys:
        if isinstance(rows, slice):
            start, stop, step = rows.indices(self.size)
            state = np.arange(start + 1, stop + 1, step, dtype=np.uint64)
        else:
            state = rows.astype(np.uint64) + np.uint64(1)
        state *= np.uint64(0x9E3779B97F4A7C15)
        state += np.uint64(self.seed % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state ^= state >> np.uint64(shift)
            state *= np.uint64(factor)
        state ^= state >> np.uint64(31)
        return state


def random_sort_keys(size: int, seed: int) -> Keys:
    """Return all of `RandomKeys`, shape (size,)."""
    return RandomKeys(size, seed)[:]
