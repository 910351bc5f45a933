"""The dense encoding: positions and labels by an adaptive binary range coder (section 9).

It needs the required feature `dense`. A stream is stored, never Zstd, and has one spelling.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import Malformed, Noncanonical
from ..loops import kernels
from ..loops.backend import Backend, best
from .integers import BATCH, widths_of

SHIFTS = (2, 3, 4)
"""Decay shifts that a writer tries; a reader knows 1 to 7."""

Distances = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.int8]

_PROBLEMS = {
    kernels.BAD_START: "A dense stream starts with FF FF FF FF.",
    kernels.BAD_DIRECT: "The range coder meets a value that no encoder writes.",
    kernels.BAD_WIDTH: "A distance exceeds 2^53-1.",
    kernels.BAD_LABEL: "A literal label does not exist, or is in the queue.",
}


def kinds_of(positions: Distances) -> Kinds:
    """Return min(width, 15) of the distance that leads to each image; 0 for the first, int8."""
    kinds = np.zeros(positions.size, dtype=np.int8)
    for start in range(1, positions.size, BATCH):
        widths = widths_of(np.diff(positions[start - 1 : start + BATCH]))
        kinds[start : start + BATCH] = np.minimum(widths, kernels.WIDE)
    return kinds


def encode_distances(
    distances: Distances, room: int, backend: Backend | None = None
) -> bytes | None:
    """Return the dense stream of `distances`, or None if it would not be smaller than `room`."""
    backend = backend or best(distances.size)
    out, state = backend.buffer(room + 64), backend.zeros(3)
    chance, age = backend.models(kernels.DISTANCE_MODELS)
    values, widths = backend.integers(distances), backend.integers(widths_of(distances))
    if backend.kernels.put_distances(values, widths, state, chance, age, out) != kernels.GOOD:
        return None
    stream = _finish(state, out)
    return stream if len(stream) < room else None


def decode_distances_into(
    out: Distances, stream: bytes, *, offset: int, field: str, backend: Backend | None = None
) -> None:
    """Write the distances of a dense stream to `out`, int64, which is as long as there are any.

    Raises:
        PladaError: ``dense-corrupt``, ``dense-tail``.
    """
    backend = backend or best(out.size)
    state = backend.zeros(3)
    chance, age = backend.models(kernels.DISTANCE_MODELS)
    verdict = backend.kernels.get_distances(
        backend.octets(stream), out.size, state, chance, age, backend.writable(out)
    )
    _check(verdict, state, stream, offset, field)


def encode_labels(
    labels: npt.NDArray[np.uint16],
    kinds: Kinds,
    classes: int,
    shift: int,
    room: int,
    backend: Backend | None = None,
) -> bytes | None:
    """Return the dense stream of `labels`, or None if it would not be smaller than `room`."""
    backend = backend or best(labels.size)
    bits = (classes - 1).bit_length()
    out, state = backend.buffer(room + 64), backend.zeros(3)
    chance, age = backend.models(kernels.RANK_MODELS + (1 << bits))
    queue, weights = backend.zeros(kernels.QUEUE), backend.zeros(kernels.QUEUE)
    verdict = backend.kernels.put_labels(
        backend.integers(labels),
        backend.octets(kinds),
        bits,
        shift,
        state,
        chance,
        age,
        queue,
        weights,
        out,
    )
    if verdict != kernels.GOOD:
        return None
    stream = _finish(state, out)
    return stream if len(stream) < room else None


def decode_labels(
    stream: bytes,
    kinds: Kinds,
    classes: int,
    shift: int,
    *,
    offset: int,
    field: str,
    backend: Backend | None = None,
) -> npt.NDArray[np.uint16]:
    """Return the label of each image, uint16 of the shape of `kinds`.

    Raises:
        PladaError: ``dense-corrupt``, ``dense-tail``.
    """
    backend = backend or best(kinds.size)
    bits = (classes - 1).bit_length()
    state, out = backend.zeros(3), np.empty(kinds.size, dtype=np.uint16)
    chance, age = backend.models(kernels.RANK_MODELS + (1 << bits))
    queue, weights = backend.zeros(kernels.QUEUE), backend.zeros(kernels.QUEUE)
    verdict = backend.kernels.get_labels(
        backend.octets(stream),
        backend.octets(kinds),
        classes,
        bits,
        shift,
        state,
        chance,
        age,
        queue,
        weights,
        backend.writable(out),
    )
    _check(verdict, state, stream, offset, field)
    return out


def _tail(low: int, span: int) -> int:
    """Return the value in [low, low + span) whose lowest bytes are zero as far as possible."""
    for kept in (0, 8, 16, 24):
        mask = (1 << (32 - kept)) - 1
        value = (low + mask) & ~mask
        if value < low + span:
            return value
    return low


def _finish(
    state: npt.NDArray[np.int64] | list[int], out: npt.NDArray[np.uint8] | bytearray
) -> bytes:
    low, span, size = (int(value) for value in state)
    tail = _tail(low, span)
    written = bytearray(bytes(out[:size]))
    if tail >> 32:
        at = size - 1
        while written[at] == 255:
            written[at] = 0
            at -= 1
        written[at] += 1
    written += (tail & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(written).rstrip(b"\0")


def _check(
    verdict: int, state: npt.NDArray[np.int64] | list[int], stream: bytes, offset: int, field: str
) -> None:
    """Refuse a stream that did not decode, or that has another spelling than an encoder's."""
    if verdict != kernels.GOOD:
        raise Malformed("dense-corrupt", _PROBLEMS[verdict], offset=offset, field=field)
    code, span, size = (int(value) for value in state)
    # What an encoder would have had as `low`, from the last four bytes and how far they lie above.
    last = int.from_bytes(stream[size - 4 : size].ljust(4, b"\0"), "big")
    low = (last - code) % 2**32
    if len(stream) > size or stream.endswith(b"\0") or _tail(low, span) % 2**32 != last:
        raise Noncanonical(
            "dense-tail",
            "A dense stream ends in other bytes than its contents call for.",
            offset=offset,
            field=field,
        )
