"""Soft labels: a client that evaluates a rule has every class's score, not only the largest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pladafmt import Codes, Payload, Rule

CONFIDENCE = 0.45
"""How sure the labels are of an image of the pool, on average: 0 if of no class, 1 if of one. So a
rule need not say its temperature, and no byte is spent on it."""

_SAMPLE = 100_000
"""Images of the pool that the temperature is found on, at most."""

_HALVINGS = 30

Probabilities = npt.NDArray[np.float32]


def soft_labels(payload: Payload, rule: Rule, codes: Codes) -> Probabilities:
    """Return the probabilities of the classes for each kept image, float32 of shape (K, C).

    They are the softmax of the rule's scores. The temperature is one for the whole pool: the mean
    of the largest probabilities is ``1/C + CONFIDENCE (1 - 1/C)``. An image that the payload puts
    into another class than the rule does, by a list, is wholly of that class.

    Args:
        payload: read from a file with this rule, with these codes.
    """
    images = payload.pool.size
    some = np.arange(0, images, -(-images // _SAMPLE))
    inverse = _inverse_temperature(rule.scores(codes.table[some]))
    found = np.empty((payload.kept, rule.classes), np.float32)
    for start in range(0, payload.kept, _SAMPLE):
        rows = slice(start, start + _SAMPLE)
        scores = rule.scores(codes.table[payload.positions[rows].astype(np.int64)])
        found[rows] = _softmax(scores, inverse)
        other = np.flatnonzero(scores.argmax(axis=1) != payload.labels[rows])
        found[start + other] = np.eye(rule.classes, dtype=np.float32)[payload.labels[start + other]]
    return found


def _inverse_temperature(scores: npt.NDArray[np.int32]) -> float:
    classes = scores.shape[1]
    wanted = 1 / classes + CONFIDENCE * (1 - 1 / classes)
    low, high = 1e-9, 1.0  # Scores are integers: 1 stands for almost hard labels.
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        if _softmax(scores, middle).max(axis=1).mean() < wanted:
            low = middle
        else:
            high = middle
    return float(np.sqrt(low * high))


def _softmax(scores: npt.NDArray[np.int32], inverse: float) -> Probabilities:
    x = (scores - scores.max(axis=1, keepdims=True)) * np.float32(inverse)
    np.exp(x, out=x)
    x /= x.sum(axis=1, keepdims=True)
    found: Probabilities = x.astype(np.float32, copy=False)
    return found
