"""Training settings, the same for teachers and students."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from ..errors import Misuse
from ..features.head import DECAY, PASSES


class Tune(StrEnum):
    """Which part of a model is trained.

    ``head``: a linear classifier on the features of a frozen backbone. ``slow``: that first, then
    everything, the backbone at a tenth of the learning rate and with frozen batch-norm
    statistics. ``all``: everything at one learning rate.
    """

    HEAD = "head"
    SLOW = "slow"
    ALL = "all"


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. `recipe` fills in the defaults of a `Tune`.

    Attributes:
        tune: which part is trained.
        epochs: passes over the images; with ``head``, the most passes over the features that the
            solver may take.
        lr: largest learning rate (AdamW, cosine schedule); unused with ``head``.
        batch_size: images per step; with ``head``, images per pass through the backbone.
        weight_decay: AdamW's, decoupled; with ``head`` and in the first stage of ``slow``
            `head_decay` applies.
        head_decay: lambda of the penalty lambda/2 |W|^2 on a linear head over standardised
            features, beside the mean cross-entropy.
        label_smoothing: share of the target spread over all classes.
        augment: name in `plada_ref.training.augment.AUGMENTATIONS`; a linear head knows ``off`` and
            ``flip`` (then each image and its mirror image count once) and takes others as
            ``flip`` or ``off``, whichever they contain.
        freeze_bn: keep the batch-norm statistics of the given weights.
        steps: number of optimiser steps in place of `epochs`; None for whole epochs.
        min_steps: with few images, passes go on until this many steps are done.
        seed: of initial weights, order and augmentation.
    """

    tune: Tune
    epochs: int
    lr: float
    batch_size: int
    weight_decay: float
    head_decay: float
    label_smoothing: float
    augment: str
    freeze_bn: bool
    steps: int | None = None
    min_steps: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        _whole("--epochs", self.epochs, 1)
        _whole("--batch-size", self.batch_size, 1)
        if self.steps is not None:
            _whole("--steps", self.steps, 1)
        _number("--lr", self.lr, 0, 100)
        _number("--weight-decay", self.weight_decay, 0, 100)
        _number("--head-decay", self.head_decay, 0, 1e6)
        _number("--label-smoothing", self.label_smoothing, 0, 1)
        if (self.lr == 0 and self.tune is not Tune.HEAD) or self.label_smoothing == 1:
            what = "--lr 0" if self.label_smoothing < 1 else "--label-smoothing 1"
            raise Misuse(f"With {what} nothing is learned; give another number.")
        if not 0 <= self.seed < 2**63:
            raise Misuse(f"--seed is a whole number from 0 to 2^63-1, not {self.seed}.")

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return asdict(self) | {"tune": self.tune.value}


def recipe(tune: Tune | str, **changes: Any) -> Recipe:
    """The default recipe of `tune` with some settings changed; a change to None is no change.

    A change of `epochs` also takes away the default's `min_steps`.

    Raises:
        Misuse: if there is no such tune, or a setting is out of range.
    """
    try:
        chosen = _DEFAULTS[Tune(tune)]
    except ValueError:
        raise Misuse(f"--tune is head, slow or all, not {tune!r}.") from None
    known = {field.name for field in fields(Recipe)}
    unknown = set(changes) - known
    if unknown:
        raise TypeError(f"unknown settings {sorted(unknown)}")
    if changes.get("epochs") is not None:
        chosen = replace(chosen, min_steps=0)  # Who says how many passes means it.
    return replace(chosen, **{key: value for key, value in changes.items() if value is not None})


def _whole(name: str, value: int, least: int) -> None:
    if value < least:
        raise Misuse(f"{name} is a whole number from {least} on, not {value}.")


def _number(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise Misuse(f"{name} is a number from {least} to {most:g}, not {value}.")


_DEFAULTS = {
    Tune.HEAD: Recipe(Tune.HEAD, PASSES, 0.0, 64, 0.0, DECAY, 0.0, "flip", True),
    Tune.SLOW: Recipe(Tune.SLOW, 2, 1e-3, 64, 0.02, DECAY, 0.0, "light", True, min_steps=150),
    Tune.ALL: Recipe(Tune.ALL, 20, 1e-3, 64, 0.05, DECAY, 0.0, "light", False, min_steps=400),
}
"""Twenty passes over the 300 images of 500 bytes are 100 steps; in 400 a network learns 1 to 7
points more (docs/selection.md)."""
