"""Options of a command whose defaults the payload's recipe may change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Seed
from .group import OptionGroup
from .model import ModelOption, PretrainedOption, RandomOption, WeightsOption
from .recipe import FreezeBnOption, HeadDecayOption, WeightDecayOption

if TYPE_CHECKING:
    from pladafmt import Payload

    from ...compute.progress import Progress
    from ...models.spec import ModelSpec
    from ...training.advised import Advised
    from ...training.start import Start


@dataclass(frozen=True, kw_only=True)
class StudentModelOptions(OptionGroup):
    """A model, and the images that it is shown."""

    panel = "Model"
    everyday = frozenset({"weights", "pretrained", "img_size", "via_size"})

    model: ModelOption
    weights: WeightsOption = None
    pretrained: PretrainedOption = False
    random_backbone: RandomOption = False
    img_size: Annotated[
        int | None,
        typer.Option(
            "--img-size",
            metavar="PIXELS",
            help="Input height and width. Default: the payload's, else the model's own.",
        ),
    ] = None
    via_size: Annotated[
        int | None,
        typer.Option(
            "--via-size",
            metavar="PIXELS",
            help="Resample every image to this size first (matched resolution). Default: the "
            "payload's; as large as the input, it changes nothing.",
        ),
    ] = None
    grey: Annotated[
        bool | None,
        typer.Option(
            "--grey/--no-grey",
            help="Show the model the grey levels alone. Default: as the payload's teacher.",
            show_default=False,
        ),
    ] = None

    def spec(self) -> ModelSpec:
        """Return what to train, with the sizes that are given."""
        from ...models.spec import ModelSpec

        return ModelSpec(
            self.model,
            self.weights,
            pretrained=self.pretrained,
            img_size=self.img_size,
            via_size=self.via_size,
            grey=bool(self.grey),
            random_backbone=self.random_backbone,
        )


@dataclass(frozen=True, kw_only=True)
class AdvisedOptions(OptionGroup):
    """All settings of a student's training, which a payload may advise."""

    panel = "Training"
    everyday = frozenset({"tune"})

    no_recipe: Annotated[
        bool,
        typer.Option(
            "--no-recipe",
            help="Follow nothing that the payload advises: sizes and settings are those of the "
            "options and their defaults.",
        ),
    ] = False
    tune: Annotated[
        str | None,
        typer.Option(
            "--tune",
            help="head: a linear classifier on the frozen backbone, quick and safe. slow: that "
            "first, then everything, the backbone at a tenth of the learning rate. all: "
            "everything. Default: the payload's, else head.",
        ),
    ] = None
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the images (head: maximum solver iterations). Default: the "
            "payload's, else head 60, slow 2 but at least 150 steps, all 20 but at least 400."
        ),
    ] = None
    lr: Annotated[
        float | None,
        typer.Option(
            help="Learning rate of AdamW (slow and all). Default: the payload's, else 0.001, "
            "cosine schedule."
        ),
    ] = None
    batch_size: Annotated[
        int | None, typer.Option(help="Images per step. Default: the payload's, else 64.")
    ] = None
    label_smoothing: Annotated[
        float | None,
        typer.Option(help="Label smoothing, 0 to 1. Default: the payload's, else 0."),
    ] = None
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="off, flip, light (flip and small shifts) or glyph (shift, rotate and scale, for "
            "characters). Default: the payload's, else head flip, others light.",
        ),
    ] = None
    seed: Seed = 0
    steps: Annotated[
        int | None,
        typer.Option(
            help="Optimiser steps in place of --epochs (slow and all). Default: the payload's."
        ),
    ] = None
    weight_decay: WeightDecayOption = None
    head_decay: HeadDecayOption = None
    freeze_bn: FreezeBnOption = None

    def follow(
        self,
        payload: Payload,
        model: StudentModelOptions,
        progress: Progress,
        start: Start | None = None,
    ) -> Advised:
        """Return what to train on `payload`, and how; say what is taken from it.

        Args:
            start: a student to begin with, which sees images as it has learned to.

        Raises:
            Misuse: if a given setting is out of range, or there is no such model.
        """
        from ...training.advised import advised

        if self.no_recipe:
            payload = replace(payload, metadata=None)
        given: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "tune",
                "epochs",
                "steps",
                "lr",
                "batch_size",
                "label_smoothing",
                "augment",
                "seed",
                "weight_decay",
                "head_decay",
                "freeze_bn",
            )
        }
        if start is not None:
            spec = start.spec(model.spec())
            return advised(payload, spec, progress=progress, settled=True, **given)
        return advised(payload, model.spec(), progress=progress, grey=model.grey, **given)
