"""Whether a client's pool is the one that a payload was made for (specification, section 12.2)."""

from __future__ import annotations

from collections.abc import Callable

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
    check_prefixes(ref, len(digests), lambda size: prefix_ids(digests, [size])[size])


def check_prefixes(ref: PoolRef, own_size: int, prefix_id: Callable[[int], bytes]) -> None:
    """Do what `check_pool` does, for a client that knows the ids of its pool's prefixes already.

    Args:
        ref: what the payload states.
        own_size: M, images in the client's pool.
        prefix_id: returns the pool id (32 bytes) of the first n images, n from 0 to M.

    Raises:
        Mismatch: as `check_pool` does.
    """
    if ref.size <= own_size and prefix_id(ref.size) == ref.id:
        return
    raise Mismatch(
        "pool-mismatch",
        f"The payload is for the pool {ref.id.hex()} of {ref.size} images, but this pool is "
        f"{prefix_id(own_size).hex()} of {own_size} images and does not begin with the other; use "
        "the payload with the pool it was made for.",
    )
