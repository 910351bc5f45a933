"""The folders of a pool: what the publisher's keys say about which images belong together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MOST = 65_536
"""With more folders than this, they are shards or single images rather than subjects."""


def folders_of(keys: pa.LargeStringArray) -> npt.NDArray[np.int32] | None:
    """The number of each key's folder, shape (N,), or None when the folders say nothing.

    ``n01443537/n01443537_0.jpg`` lies in ``n01443537``. They say nothing if there is one alone, or
    more than `MOST`.
    """
    names = pc.replace_substring_regex(keys, pattern="[^/]*$", replacement="")
    encoded = pc.dictionary_encode(names)
    if not 2 <= len(encoded.dictionary) <= MOST:
        return None
    numbers: npt.NDArray[np.int32] = encoded.indices.to_numpy(zero_copy_only=False)
    return numbers
