"""A linear classifier on fixed features: a convex problem, solved by L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ..errors import PipelineError
from .target import Features, Target

ROWS = 16_384
"""Features converted to float32 at a time."""

_APART = 1 << 11
"""The same to float64."""

KEPT = 1 << 28
"""Values of standardised features that are kept in memory (1 GiB); more are made anew per pass."""

DECAY = 0.1
PASSES = 60
"""Penalty and most passes of the solver where nobody asks for others: of a recipe of ``head``, of
proxy students, and of the head that a ranking compares by."""


@dataclass(frozen=True, kw_only=True)
class HeadSettings:
    """How a head is fitted.

    Attributes:
        decay: strength of the penalty on its weights.
        passes: most evaluations of the objective.
        smoothing: label smoothing, 0 to 1.
    """

    decay: float = DECAY
    passes: int = PASSES
    smoothing: float = 0.0


@dataclass(frozen=True)
class Head:
    """A linear classifier on features.

    Attributes:
        weight, bias: logits are ``weight @ features + bias``; float32, shapes (C, D) and (C,).
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def predict(self, features: Features) -> npt.NDArray[np.int64]:
        """The class number of each row of features (n, D), shape (n,)."""
        weight, bias = self.weight.numpy().T, self.bias.numpy()
        found = np.empty(len(features), np.int64)
        for start in range(0, len(features), ROWS):
            rows = slice(start, start + ROWS)
            found[rows] = (features[rows].astype(np.float32) @ weight + bias).argmax(axis=1)
        return found

    def accuracy(self, test: Target) -> float:
        """The part of the images that the head puts into their class, 0 to 1."""
        return float((self.predict(test.features) == test.labels).mean())


def fit_head(
    views: Sequence[Features] | Sequence[npt.NDArray[np.float32]],
    labels: npt.NDArray[np.int64] | npt.NDArray[np.float32],
    weights: npt.NDArray[np.float64],
    classes: int,
    settings: HeadSettings | None = None,
    *,
    advance: Callable[[int], None] = lambda steps: None,
) -> Head:
    """The head of least weighted cross-entropy plus ``decay / 2 |W|^2``.

    The penalty is on the weights of standardised features (mean 0, deviation 1 per dimension), so
    that one decay fits backbones of any scale. The result applies to raw features.

    Args:
        views: the features of each view of all n images, (n, D) each; views count alike.
        labels: class numbers, shape (n,), or probabilities of the classes, float32 of shape (n, C).
        weights: sample weights, shape (n,).
        classes: number of classes C.
        settings: the defaults when None.
        advance: called after each evaluation of the objective.

    Raises:
        PipelineError: if features are not finite.
    """
    settings = settings or HeadSettings()
    mean, deviation = _moments(views)
    target = torch.from_numpy(labels)
    share = torch.from_numpy(weights / weights.sum() / len(views)).float()
    weight = torch.zeros(classes, len(mean), requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=settings.passes,
        max_eval=settings.passes,
        history_size=10,
        tolerance_grad=1e-6,
        line_search_fn="strong_wolfe",
    )

    def standardised() -> Iterator[tuple[slice, torch.Tensor]]:
        for view in views:
            for start in range(0, len(view), ROWS):
                part = slice(start, start + ROWS)
                yield part, (torch.from_numpy(view[part]).float() - mean).div_(deviation)

    kept = list(standardised()) if len(views) * views[0].size <= KEPT else None

    def objective() -> torch.Tensor:
        solver.zero_grad()
        total = torch.zeros(())
        for part, x in standardised() if kept is None else kept:
            losses = functional.cross_entropy(
                functional.linear(x, weight, bias),
                target[part],
                reduction="none",
                label_smoothing=settings.smoothing,
            )
            loss = (losses * share[part]).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        penalty = settings.decay / 2 * weight.square().sum()
        penalty.backward()  # type: ignore[no-untyped-call]
        advance(1)
        return total + penalty.detach()

    step: Any = solver.step  # The stubs want a closure that returns a float.
    step(objective)
    with torch.no_grad():
        raw = weight / deviation
        return Head(raw.clone(), bias - raw @ mean)


def fit_default_head(features: Features, labels: npt.NDArray[np.uint16], classes: int) -> Head:
    """A proxy student: a head with the default recipe's settings, fitted in seconds.

    Args:
        features: of the student's images, shape (n, D).
        labels: their class numbers, shape (n,).
        classes: C.
    """
    return fit_head([features], labels.astype(np.int64), np.ones(len(labels)), classes)


def _moments(
    views: Sequence[Features] | Sequence[npt.NDArray[np.float32]],
) -> tuple[torch.Tensor, torch.Tensor]:
    count = sum(len(view) for view in views)
    total = np.sum([view.sum(axis=0, dtype=np.float64) for view in views], axis=0)
    mean = total / count
    square = np.zeros_like(mean)
    for view in views:
        for start in range(0, len(view), _APART):
            apart = view[start : start + _APART] - mean
            square += np.square(apart, out=apart).sum(axis=0)
    deviation = np.sqrt(square / count)
    if not np.isfinite(deviation).all():
        raise PipelineError(
            "The backbone gives features that are not finite numbers; its weights are damaged or "
            "belong to another model."
        )
    # A dimension that never changes carries nothing; 1 leaves it as it is.
    deviation[deviation < 1e-6 * max(1e-6, float(deviation.max()))] = 1.0
    return torch.from_numpy(mean).float(), torch.from_numpy(deviation).float()
