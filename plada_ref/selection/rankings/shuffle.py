"""A random order that is the same in any language and version."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def random_sort_keys(size: int, seed: int) -> npt.NDArray[np.uint64]:
    """Return a pseudo-random 64-bit sort key for each of `size` positions.

    SplitMix64 (Steele, Lea and Flood, 2014) over the position, started at `seed`: three lines in
    any language, where library generators differ between versions.
    """
    state = np.arange(1, size + 1, dtype=np.uint64)
    state *= np.uint64(0x9E3779B97F4A7C15)
    state += np.uint64(seed % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    return state
