"""Check that no two images of a pool have the same key."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import PipelineError
from .reasons import BASE_NAMES


def refuse_duplicates(keys: pa.LargeStringArray, where: Callable[[int], str]) -> None:
    """Check that `keys`, which are in bytewise order, are unique.

    Args:
        keys: sorted keys.
        where: names the file or folder of a row's image, for the message.

    Raises:
        PipelineError: if a key occurs twice; names the first one and where both images are.
    """
    if len(keys) < 2:
        return
    same = pc.equal(keys.slice(1), keys.slice(0, len(keys) - 1))
    first = pc.index(same, True).as_py()
    if first < 0:
        return
    one, other = where(first), where(first + 1)
    stored = f"twice in {one!r}" if one == other else f"in {one!r} and in {other!r}"
    raise PipelineError(
        f"The key {keys[first].as_py()!r} is stored {stored}; a key names one image of a pool, "
        "so leave one of them out or rename it."
        + (f" {BASE_NAMES}" if ".parquet" in other.lower() else "")
    )
