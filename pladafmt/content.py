"""`content_id`: what a payload means, as one hash (specification, section 11)."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from . import classmap
from .payload import Payload
from .weights import WeightScale

TAG = b"plada-1-content\0"
CHECK_BYTES = 4
"""How many bytes of the content id HEAD holds."""

BATCH = 1 << 16
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
    labels: bytes | None = None,
) -> bytes:
    """Return the content id of `payload` with these weight codes.

    Args:
        class_map: the text of its class map, for a caller that has it: names have one spelling.
        labels: the hash of its labels, for a caller that has it, see `LabelHash`.
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
    digest.update(_hashed(payload.positions, "<u4" if payload.pool.size <= 2**32 else "<u8"))
    digest.update(labels or _hashed(payload.labels, _LABEL))
    digest.update(_hashed(codes, "u1"))
    return digest.digest()


class LabelHash:
    """The hash of labels as they come, block after block."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        # Blocks may be many and small, so these wait for each other.
        self._waiting: list[npt.NDArray[np.uint16]] = []
        self._images = 0

    def update(self, labels: npt.NDArray[np.uint16]) -> None:
        """Hash the labels of the next block, uint16, shape (count,); nobody changes them later."""
        self._waiting.append(labels)
        self._images += labels.size
        if self._images >= BATCH:
            self._settle()

    def digest(self) -> bytes:
        """Return the hash of all labels so far, 32 bytes."""
        self._settle()
        return self._hash.digest()

    def _settle(self) -> None:
        if self._waiting:
            first = self._waiting[0]
            joined = np.concatenate(self._waiting) if len(self._waiting) > 1 else first
            _update(self._hash, joined, _LABEL)
        self._waiting.clear()
        self._images = 0


_LABEL = "<u2"


def _hashed(values: npt.NDArray[Any] | None, kind: str) -> bytes:
    """Return the SHA-256 of a column whose values are written as `kind`."""
    column = hashlib.sha256()
    if values is not None:
        _update(column, values, kind)
    return column.digest()


def _update(column: Any, values: npt.NDArray[Any], kind: str) -> None:
    for start in range(0, len(values), BATCH):
        column.update(np.ascontiguousarray(values[start : start + BATCH], dtype=kind).data)
