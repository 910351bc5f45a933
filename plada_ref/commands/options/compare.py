"""Options of the rankings that compare images, and of the automatic choice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Misuse
from ...optional import need
from . import model as options
from .task import load_task

if TYPE_CHECKING:
    from ...features.backbone import Backbone
    from ...features.target import Features
    from ...output import Output
    from ...tasks.task import Task

TaskOption = Annotated[
    str | None,
    typer.Option("--task", metavar="SPEC", help="The target task, as for plada teach."),
]
ManifestOption = Annotated[
    Path | None, typer.Option("--manifest", "-m", metavar="MANIFEST", help="The pool's manifest.")
]
PoolOption = Annotated[
    list[str] | None,
    typer.Option("--pool", metavar="SOURCE", help="The pool's images. May be repeated."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model of timm; its frozen backbone sees pool and task. Best the students' own.",
    ),
]
FeaturesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where the pool's features are kept for the next call. Default: beside the scores.",
    ),
]


@dataclass(frozen=True)
class Asked:
    """What the options say about seeing images; `task` and the others may be missing.

    Attributes:
        task, manifest, pool, model: as given.
        weights, pretrained, img_size, via_size, grey: of the model.
        features: folder of the cache.
        device, workers, download: as everywhere.
    """

    task: str | None
    manifest: Path | None
    pool: list[str] | None
    model: str | None
    weights: Path | None
    pretrained: bool
    img_size: int | None
    via_size: int | None
    grey: bool
    features: Path
    device: str
    workers: int | None
    download: bool

    def open(self, why: str, output: Output, pool_id: bytes) -> tuple[Backbone, Features, Task]:
        """The backbone, the features of the pool, and the task's training images.

        Args:
            why: what needs them, for the error.
            pool_id: of the score table.

        Raises:
            Misuse: if an option is missing, or the manifest is another pool's.
        """
        if self.task is None or self.manifest is None or not self.pool or self.model is None:
            raise Misuse(
                f"{why} compares pool images with images of the task: give --task, --manifest, "
                "--pool and --model (with --weights or --pretrained)."
            )
        for module in ("torch", "timm", "safetensors", "fsspec"):
            need(module, extra="ref", for_=why)
        from ...compute.context import Compute
        from ...compute.device import find_device
        from ...features.backbone import Backbone
        from ...features.cache import FeatureCache
        from ...models.spec import ModelSpec

        spec = ModelSpec(
            self.model, self.weights, self.pretrained, self.img_size, self.via_size, self.grey
        )
        compute = Compute(find_device(self.device), self.workers, progress=output)
        backbone = Backbone.of(spec, compute)
        opened = options.open_pool(self.manifest, self.pool)
        if opened.ref.id != pool_id:
            raise Misuse(
                f"The manifest is of pool {opened.ref.id.hex()[:16]}..., the scores are of "
                f"{pool_id.hex()[:16]}...; give the pool that was labelled."
            )
        task = load_task(self.task, "train", download=self.download, output=output)
        cache = FeatureCache.of_pool(self.features, opened)
        return backbone, backbone.pool(opened, cache).all(), task
