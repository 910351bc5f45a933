"""Options that name a model and how it sees images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .address import readable
from .group import OptionGroup

if TYPE_CHECKING:
    from ...models.spec import ModelSpec

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Any model of timm, or a small one of ours: plada_convnet_s and plada_convnet_m for "
        "grey images, plada_convnet_c for colour.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="Pre-trained weights of this model to start from.",
        parser=readable(),
    ),
]
PretrainedOption = Annotated[
    bool,
    typer.Option(
        "--pretrained", help="Without --weights: let timm fetch the model's default weights."
    ),
]
ImgSizeOption = Annotated[
    int | None,
    typer.Option(
        "--img-size", metavar="PIXELS", help="Input height and width; the model's own by default."
    ),
]
ViaSizeOption = Annotated[
    int | None,
    typer.Option(
        "--via-size",
        metavar="PIXELS",
        help="Resample every image to this size first: matched resolution, for a task of small "
        "images and a pool of sharp ones.",
    ),
]
GreyOption = Annotated[
    bool,
    typer.Option(
        "--grey",
        help="Show models the grey levels alone: for a task of grey images and a coloured pool.",
    ),
]
RandomOption = Annotated[
    bool,
    typer.Option(
        "--random-backbone",
        help="Allow that a backbone is frozen whose weights are random, neither from --weights nor "
        "--pretrained: little is learned from what it sees.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class BackboneOptions(OptionGroup):
    """The weights that a model starts from, and the images that it is shown."""

    panel = "Model"
    everyday = frozenset({"weights", "pretrained", "img_size", "via_size"})

    weights: WeightsOption = None
    pretrained: PretrainedOption = False
    random_backbone: RandomOption = False
    img_size: ImgSizeOption = None
    via_size: ViaSizeOption = None
    grey: GreyOption = False

    def spec_of(self, model: str, weights: Path | None) -> ModelSpec:
        """Return what to train when the model or its weights are others than these."""
        from ...models.spec import ModelSpec

        return ModelSpec(
            model,
            weights,
            pretrained=self.pretrained,
            img_size=self.img_size,
            via_size=self.via_size,
            grey=self.grey,
            random_backbone=self.random_backbone,
        )


@dataclass(frozen=True, kw_only=True)
class ModelOptions(BackboneOptions):
    """A model with its weights, and the images that it is shown."""

    model: ModelOption

    def spec(self) -> ModelSpec:
        """Return what to train."""
        return self.spec_of(self.model, self.weights)
