"""`content_id`: what a payload means, as one hash (specification, section 11)."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import numpy.typing as npt

from . import classmap
from .payload import Payload
from .weights import WeightScale

TAG = b"plada-1-content\0"
CHECK_BYTES = 4
"""How many bytes of the content id stand in HEAD."""

BATCH = 1 << 14
"""Images that are hashed at a time: what is converted for it stays in the processor's cache."""


def content_id(payload: Payload) -> bytes:
    """Return the 32-byte content id of `payload`.

    It does not change with metadata, block partition, encodings or compression. Weights count as
    their codes; without a weight scale the one is used that a writer would fit.
    """
    scale, codes = quantise(payload)
    return hash_content(payload, scale, codes)


def quantise(payload: Payload) -> tuple[WeightScale | None, npt.NDArray[np.uint8] | None]:
    """Return the weight scale and the weight codes, uint8 of shape (K,), or two Nones."""
    if payload.weights is None:
        return None, None
    scale = payload.weight_scale or WeightScale.fit(payload.weights)
    return scale, scale.encode(payload.weights)


def hash_content(
    payload: Payload,
    scale: WeightScale | None,
    codes: npt.NDArray[np.uint8] | None,
    *,
    class_map: bytes | None = None,
) -> bytes:
    """Return the content id of `payload` with these weight codes.

    `class_map` is the text of its class map, for a caller that has it: names have one spelling.
    """
    digest = hashlib.sha256(TAG)
    digest.update(payload.pool.id)
    digest.update(struct.pack("<QQI", payload.pool.size, payload.kept, payload.class_count))
    named = not isinstance(payload.classes, int)
    digest.update(bytes([named, payload.identifiers is not None]))
    if named:
        if class_map is None:
            class_map = classmap.encode(payload.class_names, payload.identifiers)
        digest.update(class_map)
    if scale is None:
        digest.update(bytes(5))
    else:
        digest.update(struct.pack("<BhH", scale.bits, scale.low, scale.step))
    wide = "<u4" if payload.pool.size <= 2**32 else "<u8"
    for values, kind in ((payload.positions, wide), (payload.labels, "<u2"), (codes, "u1")):
        column = hashlib.sha256()
        for start in range(0, 0 if values is None else payload.kept, BATCH):
            assert values is not None
            column.update(np.ascontiguousarray(values[start : start + BATCH], dtype=kind).data)
        digest.update(column.digest())
    return digest.digest()
