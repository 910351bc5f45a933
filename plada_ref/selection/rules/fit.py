"""A multinomial linear classifier on codes: a convex problem, solved by L-BFGS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from ...codes.projection import SCALE

DECAY = 0.02
"""Penalty on the weights of codes in standard deviations. From the study of rules: it was fitted to
8,000 images of ten classes, and not tuned further."""

_PASSES = 100
_CELLS = 1 << 22
"""Scores, or codes, that are held at a time."""

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Examples:
    """Codes of images and what they show: the data of a rule.

    Attributes:
        codes: shape (n, D), int8.
        targets: class numbers, shape (n,), or probabilities of the classes, shape (n, C).
        classes: C.
        weights: of the images, shape (n,); all alike when None.
    """

    codes: npt.NDArray[np.int8]
    targets: npt.NDArray[Any]
    classes: int
    weights: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def shares(self) -> Floats:
        """The weights as parts of their sum."""
        if self.weights is None:
            return np.full(len(self), 1 / len(self))
        shares: Floats = self.weights / self.weights.sum()
        return shares

    def rows(self, rows: npt.NDArray[np.int64]) -> Examples:
        """Select some of the images."""
        weights = None if self.weights is None else self.weights[rows]
        return Examples(self.codes[rows], self.targets[rows], self.classes, weights)

    def inputs(self, rows: slice, columns: int) -> npt.NDArray[np.float32]:
        """The first codes of some images, in standard deviations."""
        return self.codes[rows, :columns].astype(np.float32) / np.float32(SCALE)

    def errors(self, rows: slice, scores: Singles) -> tuple[float, Singles]:
        """(part of the cross-entropy, its gradient by `scores`) of some images.

        Args:
            scores: shape (m, C); the gradient takes their place.
        """
        scores -= scores.max(axis=1, keepdims=True)
        targets, shares = self.targets[rows], self.shares[rows]
        at = np.arange(len(scores)), targets
        hit = scores[at] if targets.ndim == 1 else (scores * targets).sum(axis=1)
        np.exp(scores, out=scores)
        total = scores.sum(axis=1)
        loss = float((np.log(total) - hit) @ shares)
        scores /= total[:, None]
        if targets.ndim == 1:
            scores[at] -= 1
        else:
            scores -= targets
        scores *= shares[:, None].astype(np.float32)
        return loss, scores

    def parts(self, columns: int) -> Iterator[slice]:
        """Divide the images so that the scores of a part fit into memory."""
        step = max(1, _CELLS // max(self.classes, columns))
        for start in range(0, len(self), step):
            yield slice(start, start + step)


class Linear(NamedTuple):
    """Scores are ``weights @ x + biases`` for codes x in standard deviations.

    Attributes:
        weights: shape (C, d), each column adds up to 0.
        biases: shape (C,).
    """

    weights: Floats
    biases: Floats


def fit(
    examples: Examples, columns: int, *, decay: float = DECAY, start: Linear | None = None
) -> Linear:
    """Fit the classifier of least weighted cross-entropy plus ``decay / 2 |W|^2``.

    The same examples, libraries and processor give the same classifier.

    Args:
        columns: d, the codes that it may use.
        start: a classifier on fewer columns, which saves passes.
    """
    classes = examples.classes
    first = np.zeros((classes, columns + 1))
    if start is not None:
        first[:, : start.weights.shape[1]] = start.weights
        first[:, -1] = start.biases
    parts = [(part, examples.inputs(part, columns)) for part in examples.parts(columns)]

    def objective(flat: Floats) -> tuple[float, Floats]:
        found = flat.reshape(classes, columns + 1)
        weights, biases = found[:, :-1].astype(np.float32), found[:, -1].astype(np.float32)
        loss = decay / 2 * float((found[:, :-1] ** 2).sum())
        gradient = np.zeros_like(found)
        gradient[:, :-1] = decay * found[:, :-1]
        for part, x in parts:
            more, errors = examples.errors(part, x @ weights.T + biases)
            loss += more
            gradient[:, :-1] += errors.T @ x
            gradient[:, -1] += errors.sum(axis=0, dtype=np.float64)
        return loss, gradient.ravel()

    with threadpool_limits(limits=1):
        options = {"maxiter": _PASSES, "maxfun": 2 * _PASSES, "ftol": 1e-7}
        solved = minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    found = solved.x.reshape(classes, columns + 1)
    return Linear(found[:, :-1] - found[:, :-1].mean(axis=0), found[:, -1] - found[:, -1].mean())
