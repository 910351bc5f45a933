"""Options of the commands that make a semantic order, and what they do with them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Misuse
from ...optional import need
from . import model as model_options

if TYPE_CHECKING:
    from ...compute.context import Compute
    from ...features.backbone import FeatureEngine
    from ...order import Permutation
    from ...order.semantic import Settings
    from ...pool import Manifest, Source

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Semantic order: any model of timm, whose features say which images are alike.",
        show_default=False,
    ),
]
ImgSizeOption = Annotated[
    int | None,
    typer.Option(
        "--img-size",
        metavar="PIXELS",
        help="Semantic order: the model's input height and width; its own by default.",
    ),
]
ClustersOption = Annotated[
    int | None,
    typer.Option(
        help="Semantic order: clusters of alike images. Default: a hundredth of the images, at "
        "least their square root, at most 8,192."
    ),
]
SlicesOption = Annotated[
    int,
    typer.Option(
        help="Semantic order: slices of each cluster, towards the next one. 1 makes the "
        "permutation file about a fifth smaller and payloads about 1 % larger."
    ),
]
FolderWeightOption = Annotated[
    float,
    typer.Option(
        metavar="W",
        help="Semantic order: how much images of one folder are drawn together; 0 goes by looks "
        "alone.",
    ),
]
PermutationOption = Annotated[
    Path | None,
    typer.Option(
        "--permutation",
        metavar="FILE",
        help="Semantic order: also write the permutation (about one byte per image) with which a "
        "client makes this manifest from its own images: plada pool order --apply FILE.",
    ),
]
FeaturesOption = Annotated[
    Path | None,
    typer.Option(
        "--features",
        metavar="DIR",
        help="Semantic order: keep the features in this folder, for another order. By default they "
        "lie beside the manifest until it is written, so that an interrupted run can go on.",
    ),
]


def prepare(name: str) -> None:
    """Check for the packages of the command called `name`, before torch is imported.

    Raises:
        Misuse: if one is not installed.
    """
    model_options.prepare(name)
    for module in ("sklearn", "threadpoolctl"):
        need(module, extra="ref", for_=name)


def settings(
    model: str | None,
    weights: Path | None,
    pretrained: bool,
    img_size: int | None,
    clusters: int | None,
    slices: int,
    folder_weight: float,
    seed: int,
) -> Settings:
    """How the order is made.

    Raises:
        Misuse: if there is no model, or a number is out of range.
    """
    from ...models.spec import ModelSpec
    from ...order.semantic import Settings

    if model is None:
        raise Misuse(
            "A semantic order needs --model, and its --weights (or --pretrained): the features of "
            "a backbone say which images are alike."
        )
    return Settings(
        backbone=ModelSpec(model, weights, pretrained, img_size),
        clusters=clusters,
        slices=slices,
        folder_weight=folder_weight,
        seed=seed,
    )


def make_permutation(
    manifest: Manifest,
    source: Source,
    how: Settings,
    *,
    out: Path,
    features: Path | None,
    compute: Compute,
    engine: FeatureEngine | None = None,
) -> Permutation:
    """The semantic order of a pool.

    Args:
        manifest: of the pool in any order.
        out: the manifest to be written; features lie beside it meanwhile.
        features: folder in which features stay; None for one that `forget_features` removes.
        engine: what computes the features; this process when None.

    Raises:
        PipelineError: if an image has changed, is missing or unreadable, or weights cannot be read.
    """
    from ...order import in_key_order
    from ...order.semantic import semantic_permutation
    from ...pool import MemoryPool

    return semantic_permutation(
        MemoryPool(in_key_order(manifest), source),
        how,
        scratch=features or _scratch(out),
        compute=compute,
        engine=engine,
    )


def forget_features(out: Path) -> None:
    """Remove the features that lay beside a manifest, which is written now."""
    shutil.rmtree(_scratch(out), ignore_errors=True)


def _scratch(out: Path) -> Path:
    return out.with_name(f"{out.name}.features")
