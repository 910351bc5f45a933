"""The dense encoding: positions and labels by an adaptive binary range coder (section 9).

It needs the required feature `dense`. A stream is stored, never Zstd, and has one spelling.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import range_coder
from ..loops import kernels
from ..loops.backend import Backend, best
from .integers import BATCH, widths_of

SHIFTS = (2, 3, 4)
"""Decay shifts that a writer tries; a reader knows 1 to 7."""

Distances = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.int8]
Octets = npt.NDArray[np.uint8]


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
    out, state = backend.buffer(room + 64), backend.integers(range_coder.EMPTY)
    chance, age = backend.models(kernels.DISTANCE_MODELS)
    values, widths = backend.integers(distances), backend.integers(widths_of(distances))
    if backend.kernels.put_distances(values, widths, state, chance, age, out) != kernels.GOOD:
        return None
    stream = range_coder.finish(state, out)
    return stream if len(stream) < room else None


def decode_distances_into(
    out: Distances, stream: bytes, *, offset: int, field: str, backend: Backend | None = None
) -> None:
    """Write the distances of a dense stream to `out`, int64, which is as long as there are any.

    Raises:
        PladaError: ``dense-corrupt``, ``dense-tail``.
    """
    backend = backend or best(out.size)
    state = backend.integers(kernels.begun(stream))
    chance, age = backend.models(kernels.DISTANCE_MODELS)
    verdict = backend.kernels.get_distances(
        backend.octets(stream), out.size, state, chance, age, backend.writable(out)
    )
    range_coder.check(verdict, state, stream, offset, field)


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
    out, state = backend.buffer(room + 64), backend.integers(range_coder.EMPTY)
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
    stream = range_coder.finish(state, out)
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
    state = backend.integers(kernels.begun(stream))
    out = np.empty(kinds.size, dtype=np.uint16)
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
    range_coder.check(verdict, state, stream, offset, field)
    return out


def decode_many_distances_into(
    out: Distances, streams: Octets, starts: Distances, ends: Distances, counts: Distances
) -> bool:
    """Decode a stream of distances for each of many blocks; return whether all are good.

    Args:
        out: int64, as long as there are images. What is at a block's first one stays.
        streams: the bytes in which the streams are, uint8.
        starts: where each starts, int64, shape (blocks,).
        ends: where it ends.
        counts: images of each block, of which it has one distance less.
    """
    backend = best(out.size)
    models = backend.models(kernels.DISTANCE_MODELS), backend.models(kernels.DISTANCE_MODELS)
    good: bool = backend.kernels.get_many_distances(
        backend.octets(streams),
        backend.integers(starts),
        backend.integers(ends),
        backend.integers(counts),
        backend.zeros(3),
        *models[0],
        *models[1],
        backend.writable(out),
    )
    return good


def decode_many_labels(
    streams: Octets,
    starts: Distances,
    ends: Distances,
    counts: Distances,
    kinds: Kinds,
    classes: int,
    shifts: Distances,
) -> npt.NDArray[np.uint16] | None:
    """Return the labels of many blocks, of the shape of `kinds`, or None if not all are good.

    Args:
        streams: as the next three, see `decode_many_distances_into`.
        starts:
        ends:
        counts:
        kinds: what `kinds_of` says of each block, int8.
        shifts: decay shift of each block, int64, shape (blocks,).
    """
    backend = best(kinds.size)
    bits = (classes - 1).bit_length()
    out = np.empty(kinds.size, dtype=np.uint16)
    models = backend.models(kernels.RANK_MODELS + (1 << bits), reused=True)
    good = backend.kernels.get_many_labels(
        backend.octets(streams),
        backend.integers(starts),
        backend.integers(ends),
        backend.integers(counts),
        backend.integers(shifts),
        backend.octets(kinds),
        classes,
        bits,
        backend.zeros(3),
        *models,
        *backend.models(kernels.RANK_MODELS),
        backend.zeros(kernels.QUEUE),
        backend.zeros(kernels.QUEUE),
        backend.writable(out),
    )
    return out if good else None
