"""`content_id`: what a payload means, as one hash (specification, section 11)."""

from __future__ import annotations

import hashlib
import struct
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt

from . import classmap
from .payload import Payload, PoolRef
from .threads import cores
from .weights import WeightScale

TAG = b"plada-1-content\0"
CHECK_BYTES = 4
"""How many bytes of the content id stand in HEAD."""

MANY = 1 << 16
"""Positions whose hash takes longer than starting a thread for it."""

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
    positions: bytes | None = None,
) -> bytes:
    """Return the content id of `payload` with these weight codes.

    Args:
        class_map: the text of its class map, for a caller that has it: names have one spelling.
        positions: the hash of its positions, for a caller that has it, see `PositionHash`.
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
    digest.update(positions or _hashed(payload.positions, _wide(payload.pool)))
    digest.update(_hashed(payload.labels, "<u2"))
    digest.update(_hashed(codes, "u1"))
    return digest.digest()


class PositionHash:
    """The hash of positions as they come, in a thread of its own when there are many.

    While it is computed, the labels can be decoded: neither needs the interpreter for long.

    Args:
        pool: decides how wide a position is.
    """

    def __init__(self, pool: PoolRef) -> None:
        self._kind = _wide(pool)
        self._hash = hashlib.sha256()
        self._running: Thread | None = None
        self._failed: BaseException | None = None

    def update(self, positions: npt.NDArray[np.uint64]) -> None:
        """Hash what comes next. The caller does not change the array any more."""
        self._wait()
        if len(positions) < MANY or cores() < 2:
            _update(self._hash, positions, self._kind)
            return
        thread = Thread(target=self._run, args=(positions,))
        try:
            thread.start()
        except RuntimeError:  # Here are no threads, or no more of them.
            _update(self._hash, positions, self._kind)
        else:
            self._running = thread

    def digest(self) -> bytes:
        """The hash of all positions, 32 bytes."""
        self._wait()
        return self._hash.digest()

    def _run(self, positions: npt.NDArray[np.uint64]) -> None:
        try:
            _update(self._hash, positions, self._kind)
        except BaseException as error:
            self._failed = error

    def _wait(self) -> None:
        if self._running is not None:
            self._running.join()
            self._running = None
        if self._failed is not None:
            raise self._failed


def _wide(pool: PoolRef) -> str:
    return "<u4" if pool.size <= 2**32 else "<u8"


def _hashed(values: npt.NDArray[Any] | None, kind: str) -> bytes:
    """SHA-256 of a column whose values are written as `kind`."""
    column = hashlib.sha256()
    if values is not None:
        _update(column, values, kind)
    return column.digest()


def _update(column: Any, values: npt.NDArray[Any], kind: str) -> None:
    for start in range(0, len(values), BATCH):
        column.update(np.ascontiguousarray(values[start : start + BATCH], dtype=kind).data)
