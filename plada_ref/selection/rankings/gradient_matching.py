"""Gradient matching: the images that pull a student's head where the target's images would.

In rounds: a linear head is fitted to the images so far; the gradient of its loss on the target's
images says where it is wrong; the images whose own gradient is most like it come next. Of the
family of Killamsetty et al., "GRAD-MATCH" (ICML 2021); the gradient is preconditioned by the
target's second moments, and classes share each round equally.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..evidence import Evidence, Labels, Positions
from . import space
from .by_class import first_then_rest, in_turn, rank_in_class, shortlist
from .herding import herded
from .space import Vectors

if TYPE_CHECKING:
    from ...features.head import Head

START = 25
"""Herded images per class that the first head is fitted to."""

MOST = 16_384
"""Images placed by gradient; beyond them the rest follow by margin."""

GROWTH = 0.25
"""Images that a round adds, as a part of those before it."""

_DAMPING = 1.0
_PASSES = 30


def gradient_matching(evidence: Evidence, seed: int) -> Positions:
    """Sort keys of herding followed by rounds of gradient matching."""
    features, target = space.need(evidence, "gradient-matching")
    classes = evidence.classes
    herd = herded(evidence, space.principal(target), seed, picks=START)
    listed = shortlist(evidence.labels, classes, seed)
    labels = evidence.labels[listed]
    seen, wanted = features[listed], target.features
    to_standard = space.standard(target)
    values, goal = to_standard(seen), to_standard(wanted)
    moments = goal.T @ goal / len(goal)
    damped = moments + _DAMPING * np.eye(len(moments), dtype=np.float32)
    inverse = np.linalg.inv(damped).astype(np.float32)

    rows = np.argsort(herd[listed], kind="stable")[: START * classes]
    free = np.ones(len(listed), dtype=np.bool_)
    while True:
        free[rows] = False
        count = min(math.ceil(GROWTH * len(rows)), MOST - len(rows), int(free.sum()))
        if count <= 0:
            break
        gains = _gains(values, labels, goal, target.labels, inverse, rows, classes)
        candidates = np.flatnonzero(free)
        turns = in_turn(
            labels[candidates], classes, rank_in_class(labels[candidates], -gains[candidates])
        )
        rows = np.concatenate([rows, candidates[np.argsort(turns, kind="stable")[:count]]])
    picked = {int(label): listed[rows[labels[rows] == label]] for label in np.unique(labels)}
    return first_then_rest(evidence.labels, classes, picked, -evidence.scores["margin"])


def _gains(
    values: Vectors,
    labels: Labels,
    goal: Vectors,
    goal_labels: Labels,
    inverse: Vectors,
    rows: Positions,
    classes: int,
) -> Vectors:
    """Return how much a step along each image's gradient lowers the target's loss, shape (n,).

    The gradient of the cross-entropy in the head's weights is ``(softmax - one-hot) x^T``, so the
    inner product of two images' gradients is the product of two small inner products.
    """
    head = proxy_head(values[rows], labels[rows], classes)
    weight, bias = head.weight.numpy().T, head.bias.numpy()
    errors = _errors(goal @ weight + bias, goal_labels)
    direction = inverse @ (goal.T @ errors / len(goal))
    pull = values @ direction + errors.mean(axis=0)
    gains: Vectors = (_errors(values @ weight + bias, labels) * pull).sum(axis=1)
    return gains


def proxy_head(values: Vectors, labels: Labels, classes: int) -> Head:
    """Fit a student to the images so far; not to the end, which the next round would undo."""
    from ...features.head import HeadSettings, fit_head  # torch: other rankings do without.

    shares = np.ones(len(labels))
    numbers = labels.astype(np.int64)
    return fit_head([values], numbers, shares, classes, HeadSettings(passes=_PASSES))


def _errors(logits: Vectors, labels: Labels) -> Vectors:
    """Softmax minus one-hot, shape (n, C)."""
    found: Vectors = np.exp(logits - logits.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    found[np.arange(len(labels)), labels] -= 1
    return found
