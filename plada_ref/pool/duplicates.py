"""A key names one image: two of them in one pool are an error that says where both lie."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import PipelineError


def refuse_duplicates(keys: pa.LargeStringArray, place: Callable[[int], str]) -> None:
    """Check that `keys`, which are in bytewise order, are unique.

    Args:
        keys: sorted keys.
        place: where the image of a row lies, for the message.

    Raises:
        PipelineError: naming the first key that comes twice, and both places.
    """
    if len(keys) < 2:
        return
    same = pc.equal(keys.slice(1), keys.slice(0, len(keys) - 1))
    first = pc.index(same, True).as_py()
    if first < 0:
        return
    one, other = place(first), place(first + 1)
    where = f"twice in {one!r}" if one == other else f"in {one!r} and in {other!r}"
    raise PipelineError(
        f"The key {keys[first].as_py()!r} is stored {where}; a key names one image of a pool, "
        "so leave one of them out or rename it."
    )
