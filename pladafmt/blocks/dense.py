"""The dense encoding: positions and labels by an adaptive binary range coder (section 9).

It needs the required feature `dense`. A stream is stored, never Zstd, and has one spelling.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import range_coder
from ..loops import kernels
from ..loops.backend import Backend, best
from .integers import widths_of

SHIFTS = (2, 3, 4)
"""Decay shifts that a writer tries; a reader knows 1 to 7."""

Distances = npt.NDArray[np.int64]


def kinds_of(relative: Distances) -> Distances:
    """Return min(width, 15) of the distance that leads to each image; 0 for the first, int64."""
    kinds = np.zeros(relative.size, dtype=np.int64)
    kinds[1:] = np.minimum(widths_of(np.diff(relative)), kernels.WIDE)
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


def decode_distances(
    stream: bytes, count: int, *, offset: int, field: str, backend: Backend | None = None
) -> Distances:
    """Return the `count` distances of a dense stream, int64 of shape (count,).

    Raises:
        PladaError: ``dense-corrupt``, ``dense-tail``.
    """
    backend = backend or best(count)
    state, out = backend.integers(kernels.begun(stream)), backend.zeros(count)
    chance, age = backend.models(kernels.DISTANCE_MODELS)
    verdict = backend.kernels.get_distances(backend.octets(stream), count, state, chance, age, out)
    range_coder.check(verdict, state, stream, offset, field)
    return backend.array(out)


def encode_labels(
    labels: npt.NDArray[np.uint16],
    kinds: Distances,
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
        backend.integers(kinds),
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
    kinds: Distances,
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
    state, out = backend.integers(kernels.begun(stream)), backend.zeros(kinds.size)
    chance, age = backend.models(kernels.RANK_MODELS + (1 << bits))
    queue, weights = backend.zeros(kernels.QUEUE), backend.zeros(kernels.QUEUE)
    verdict = backend.kernels.get_labels(
        backend.octets(stream),
        backend.integers(kinds),
        classes,
        bits,
        shift,
        state,
        chance,
        age,
        queue,
        weights,
        out,
    )
    range_coder.check(verdict, state, stream, offset, field)
    return backend.array(out).astype(np.uint16)
