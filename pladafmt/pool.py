"""Whether a client's pool is the one that a payload was made for (specification, section 12.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .errors import Mismatch
from .merkle import prefix_ids
from .payload import PoolRef


def check_pool(ref: PoolRef, digests: npt.NDArray[np.uint8]) -> None:
    """Check that the pool of these images serves payloads for `ref`.

    A pool that has grown serves the payloads of its earlier states.

    Args:
        ref: what the payload states.
        digests: SHA-256 of each stored image in pool order, shape (M, 32), uint8.

    Raises:
        Mismatch: ``pool-mismatch`` if the first ``ref.size`` images are not the pool `ref`.
    """
    own_size = len(digests)
    if ref.size <= own_size and prefix_ids(digests, [ref.size])[ref.size] == ref.id:
        return
    own = prefix_ids(digests, [own_size])[own_size]
    raise Mismatch(
        "pool-mismatch",
        f"The payload is for the pool {ref.id.hex()} of {ref.size} images, but this pool is "
        f"{own.hex()} of {own_size} images and does not begin with the other; use the payload "
        "with the pool it was made for.",
    )
