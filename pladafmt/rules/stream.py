"""The stream of a rule: weights, biases and thresholds (specification, section 17.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import range_coder
from ..blocks.integers import widths_of
from ..loops import kernels
from ..loops.backend import Backend, best

Integers = npt.NDArray[np.int64]


def encode(
    weights: Integers, biases: Integers, thresholds: Integers, top: int, shift: int
) -> bytes:
    """Return the stream of a rule.

    Args:
        weights: shape (C, d), from -top to top.
        biases, thresholds: shape (C,), multiples of 2^shift.
        top: 1 to 15.
        shift: 0 to 15.
    """
    classes, columns = weights.shape
    backend = best(weights.size)
    # No bit takes more than 12 bits of the stream, and no integer more than 53 and its width.
    room = 2 * weights.size * (top + 1) + 64 * classes + 64
    out, state = backend.buffer(room), backend.integers(range_coder.EMPTY)
    chance, age = backend.models(kernels.RULE_MODELS)
    values = backend.integers(weights.T.ravel())
    backend.kernels.put_weights(values, classes, columns, top, state, chance, age, out)
    units = biases >> shift
    folded = np.where(units < 0, -2 * units - 1, 2 * units)
    for numbers in (folded, thresholds >> shift):
        chance, age = backend.models(kernels.DISTANCE_MODELS)
        numbers = numbers + 1
        backend.kernels.put_distances(
            backend.integers(numbers), backend.integers(widths_of(numbers)), state, chance, age, out
        )
    return range_coder.finish(state, out)


def decode(
    stream: bytes, classes: int, columns: int, top: int, *, offset: int, field: str
) -> tuple[Integers, Integers, Integers]:
    """Return the weights, shape (C, d), and biases and thresholds in units, shape (C,), int64.

    Raises:
        PladaError: ``dense-corrupt``, ``dense-tail``.
    """
    backend = best(classes * columns)
    data, state = backend.octets(stream), backend.integers(kernels.begun(stream))
    chance, age = backend.models(kernels.RULE_MODELS)
    weights = np.empty(classes * columns, dtype=np.int64)
    verdict = backend.kernels.get_weights(
        data, classes, columns, top, state, chance, age, backend.writable(weights)
    )
    folded, thresholds = np.empty((2, classes), dtype=np.int64)
    for numbers in (folded, thresholds):
        if verdict == kernels.GOOD:
            verdict = _numbers(backend, data, state, backend.writable(numbers))
    range_coder.check(verdict, state, stream, offset, field)
    units = folded - 1
    biases = np.where(units % 2, -(units + 1) // 2, units // 2)
    return weights.reshape(columns, classes).T, biases, thresholds - 1


def _numbers(backend: Backend, data: bytes, state: list[int], out: list[int]) -> int:
    chance, age = backend.models(kernels.DISTANCE_MODELS)
    verdict: int = backend.kernels.get_distances(data, len(out), state, chance, age, out)
    return verdict
