"""Options of the rankings that compare images, and of the automatic selection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Misuse
from ...optional import need
from .compute import ComputeOptions
from .group import OptionGroup
from .model import BackboneOptions
from .out import a_folder
from .pool import MaxUnreadableOption, OptionalPoolOptions
from .task import DownloadOption, load_shown

if TYPE_CHECKING:
    from ...compute.progress import Progress
    from ...labelling.scores import ScoreTable
    from ...selection.comparison import Comparison


@dataclass(frozen=True, kw_only=True)
class OptionalTaskOptions(OptionGroup):
    """A task and a model, for a command that may do without."""

    task: Annotated[
        str | None,
        typer.Option("--task", metavar="SPEC", help="The target task, as for plada teach."),
    ] = None
    download: DownloadOption = False
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A model of timm; its frozen backbone sees pool and task. Best the students' own.",
        ),
    ] = None


# The bases from last to first, so that --help begins with the task and ends with the device.
@dataclass(frozen=True, kw_only=True)
class CompareOptions(ComputeOptions, BackboneOptions, OptionalPoolOptions, OptionalTaskOptions):
    """Which images to compare, and how; a ranking that looks at scores alone needs none of it."""

    together = "Images to compare (--by herding, auto and others)"

    max_unreadable: MaxUnreadableOption = None
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the pool's features are kept for the next call. Default: SCORES.features.",
            callback=a_folder,
        ),
    ] = None

    def compare(
        self, purpose: str, scores: Path, table: ScoreTable, progress: Progress
    ) -> Comparison:
        """Open the pool, the task's training images and the model.

        Args:
            purpose: what needs them, for the error.
            scores: the file of the score table; by default, features are kept next to it.
            table: what is in it.
            progress: hears how far the work is.

        Raises:
            Misuse: if an option is missing, or the manifest is another pool's.
        """
        if self.task is None or not self.given or self.model is None:
            raise Misuse(
                f"{purpose} compares pool images with images of the task: give --task, --manifest "
                "and --model (with --weights or --pretrained)."
            )
        for module in ("torch", "timm", "safetensors", "fsspec"):
            need(module, extra="ref", for_=purpose)
        from ...features.backbone import Backbone
        from ...features.cache import FeatureCache, features_beside
        from ...selection.comparison import Comparison

        spec = self.spec_of(self.model, self.weights)
        spec.check_frozen(purpose)
        compute = self.compute(progress)
        # As plada label --keep-features has left them, where they can be made like that.
        if table.bfloat16:
            compute = replace(compute, bfloat16=True)
        if table.decoder == "gpu" and compute.device.type == "cuda":
            compute = replace(compute, decoder="gpu")
        backbone = Backbone.of(spec, compute)
        pool = self.open()
        if pool.ref.id != table.pool.id:
            raise Misuse(
                f"The manifest is of pool {pool.ref.id.hex()[:16]}..., the scores are of "
                f"{table.pool.id.hex()[:16]}...; give the pool that was labelled."
            )
        task = load_shown(self.task, "train", download=self.download, progress=progress)
        folder = self.features or features_beside(scores)
        cache = FeatureCache.of_pool(folder, pool)
        known = len(table.unreadable)
        return Comparison(backbone, spec, pool, task, cache, known, self.max_unreadable)
