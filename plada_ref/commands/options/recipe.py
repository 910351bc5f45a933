"""Options that say how a model is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Seed
from .group import OptionGroup

if TYPE_CHECKING:
    from ...training.recipe import Recipe

TuneOption = Annotated[
    str,
    typer.Option(
        "--tune",
        help="head: a linear classifier on the frozen backbone, quick and safe. slow: that first, "
        "then everything, the backbone at a tenth of the learning rate. all: everything.",
    ),
]
EpochsOption = Annotated[
    int | None,
    typer.Option(
        help="Passes over the images (head: maximum solver iterations). Default: head 60, slow 2 "
        "but at least 150 steps, all 20 but at least 400 steps."
    ),
]
StepsOption = Annotated[
    int | None, typer.Option(help="Optimiser steps in place of --epochs (slow and all).")
]
LrOption = Annotated[
    float | None,
    typer.Option(help="Learning rate of AdamW (slow and all). Default: 0.001, cosine schedule."),
]
BatchSizeOption = Annotated[int, typer.Option(help="Images per step.")]
WeightDecayOption = Annotated[
    float | None,
    typer.Option(help="Weight decay of AdamW (slow and all). Default: slow 0.02, all 0.05."),
]
HeadDecayOption = Annotated[
    float | None,
    typer.Option(help="Penalty on the linear head's weights (head and slow). Default: 0.1."),
]
SmoothingOption = Annotated[float | None, typer.Option(help="Label smoothing, 0 to 1. Default: 0.")]
AugmentOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="off, flip, light (flip and small shifts) or glyph (shift, rotate and scale, for "
        "characters). Default: head flip, else light.",
    ),
]
FreezeBnOption = Annotated[
    bool | None,
    typer.Option(
        "--freeze-bn/--no-freeze-bn",
        help="Keep the batch-norm statistics of the given weights. Default: only with slow.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class ShortRecipeOptions(OptionGroup):
    """The settings of a training that a command over several trainings takes."""

    panel = "Training"
    everyday = frozenset({"tune"})

    tune: TuneOption = "head"
    epochs: EpochsOption = None
    lr: LrOption = None
    batch_size: BatchSizeOption = 64
    label_smoothing: SmoothingOption = None
    augment: AugmentOption = None
    seed: Seed = 0

    def recipe(self) -> Recipe:
        """Return the recipe of ``--tune`` with what the other options change.

        Raises:
            Misuse: if there is no such tune, or a setting is out of range.
        """
        from ...training.recipe import recipe

        return recipe(**self._settings())

    def _settings(self) -> dict[str, Any]:
        return {
            "tune": self.tune,
            "epochs": self.epochs,
            "lr": self.lr,
            "batch_size": self.batch_size,
            "label_smoothing": self.label_smoothing,
            "augment": self.augment,
            "seed": self.seed,
        }


@dataclass(frozen=True, kw_only=True)
class RecipeOptions(ShortRecipeOptions):
    """All settings of one training."""

    steps: StepsOption = None
    weight_decay: WeightDecayOption = None
    head_decay: HeadDecayOption = None
    freeze_bn: FreezeBnOption = None

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {
            "steps": self.steps,
            "weight_decay": self.weight_decay,
            "head_decay": self.head_decay,
            "freeze_bn": self.freeze_bn,
        }
