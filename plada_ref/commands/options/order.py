"""Options of the commands that make a semantic order, and what they do with them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Misuse
from ...optional import need
from .common import Seed
from .compute import prepare as prepare_for_model
from .group import OptionGroup
from .model import PretrainedOption, RandomOption, WeightsOption
from .out import a_folder, check_file
from .pool import MaxUnreadableOption

if TYPE_CHECKING:
    from ...compute.context import Compute
    from ...features.backbone import FeatureEngine
    from ...order import Permutation
    from ...order.semantic import Settings
    from ...pool import Manifest, Source


@dataclass(frozen=True, kw_only=True)
class OrderOptions(OptionGroup):
    """How a semantic order is made, and what is kept of it."""

    panel = "Semantic order"

    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Semantic order: any model of timm, whose features say which images are alike.",
            show_default=False,
        ),
    ] = None
    weights: WeightsOption = None
    pretrained: PretrainedOption = False
    random_backbone: RandomOption = False
    img_size: Annotated[
        int | None,
        typer.Option(
            "--img-size",
            metavar="PIXELS",
            help="Semantic order: the model's input height and width; its own by default.",
        ),
    ] = None
    clusters: Annotated[
        int | None,
        typer.Option(
            help="Semantic order: clusters of alike images. Default: a hundredth of the images, at "
            "least their square root, at most 8,192."
        ),
    ] = None
    slices: Annotated[
        int,
        typer.Option(
            help="Semantic order: slices of each cluster, towards the next one. 1 makes the "
            "permutation file about a fifth smaller and payloads about 1 % larger."
        ),
    ] = 2
    folder_weight: Annotated[
        float,
        typer.Option(
            metavar="W",
            help="Semantic order: how much images of one folder are drawn together; 0 goes by "
            "looks alone.",
        ),
    ] = 0.5
    permutation: Annotated[
        Path | None,
        typer.Option(
            "--permutation",
            metavar="FILE",
            help="Semantic order: also write the permutation (about one byte per image) with which "
            "a client makes this manifest from its own images: plada pool order --apply FILE.",
        ),
    ] = None
    features: Annotated[
        Path | None,
        typer.Option(
            "--features",
            metavar="DIR",
            help="Semantic order: keep the features in this folder, for another order. By default "
            "they are kept next to the manifest until it is written, so that an interrupted run "
            "can go on.",
            callback=a_folder,
        ),
    ] = None
    max_unreadable: MaxUnreadableOption = None
    seed: Seed = 0

    def settings(self) -> Settings:
        """Return how the order is made.

        Raises:
            Misuse: if there is no model, its weights are random, a number is out of range, or the
                permutation cannot be written.
        """
        from ...models.spec import ModelSpec
        from ...order.semantic import Settings

        if self.permutation is not None:
            check_file(self.permutation, "--permutation")
        if self.model is None:
            raise Misuse(
                "A semantic order needs --model, and its --weights (or --pretrained): the features "
                "of a backbone say which images are alike."
            )
        backbone = ModelSpec(
            self.model,
            self.weights,
            self.pretrained,
            self.img_size,
            random_backbone=self.random_backbone,
        )
        backbone.check_frozen("A semantic order")
        return Settings(
            backbone=backbone,
            clusters=self.clusters,
            slices=self.slices,
            folder_weight=self.folder_weight,
            seed=self.seed,
        )

    def permutation_of(
        self,
        manifest: Manifest,
        source: Source,
        *,
        out: Path,
        compute: Compute,
        engine: FeatureEngine | None = None,
    ) -> Permutation:
        """Return the semantic order of a pool.

        Args:
            manifest: of the pool in any order.
            source: the pool's images.
            out: the manifest to be written; unless ``--features`` names a folder, features are
                kept next to it until `forget_features` removes them.
            compute: what the features are computed on.
            engine: what computes the features; this process when None.

        Raises:
            Misuse: as `settings`.
            PipelineError: if an image has changed or is missing, too many do not decode, or weights
                cannot be read.
        """
        from ...order import in_key_order
        from ...order.semantic import semantic_permutation
        from ...pool import MemoryPool

        return semantic_permutation(
            MemoryPool(in_key_order(manifest), source),
            self.settings(),
            scratch=self.features or _scratch(out),
            compute=compute,
            engine=engine,
            max_unreadable=self.max_unreadable,
        )


def prepare(name: str) -> None:
    """Check for the packages of the command called `name`, before torch is imported.

    Raises:
        Misuse: if one is not installed.
    """
    prepare_for_model(name)
    for module in ("sklearn", "threadpoolctl"):
        need(module, extra="ref", for_=name)


def forget_features(out: Path) -> None:
    """Remove the features that were kept next to a manifest until it was written."""
    shutil.rmtree(_scratch(out), ignore_errors=True)


def _scratch(out: Path) -> Path:
    return out.with_name(f"{out.name}.features")
