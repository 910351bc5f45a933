"""Options of a rule over codes, and the codes of a task's images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from pladafmt import PoolRef

from ...errors import Misuse
from ...optional import need
from .codes import CodesOption
from .compare import CompareOptions
from .group import OptionGroup
from .task import load_shown

if TYPE_CHECKING:
    from ...compute.progress import Progress
    from ...pool.codes import PoolCodes
    from ...selection.rules.produce import CodedTask, FitTo


@dataclass(frozen=True, kw_only=True)
class RuleOptions(OptionGroup):
    """The codes that a rule is over, and what it is fitted to."""

    codes: CodesOption = None
    projection: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --by rule and --task: the projection that the codes were made with; beside "
            "the codes by default.",
        ),
    ] = None
    fit: Annotated[
        str | None,
        typer.Option(
            metavar="target|pool|both",
            help="With --by rule: fit to the task's own images (the default with --task), to the "
            "teacher's labels of the pool (the default without), or to both.",
        ),
    ] = None

    def refuse(self) -> None:
        """Check that none of these is given to another selection.

        Raises:
            Misuse: if one is.
        """
        if (self.codes, self.projection, self.fit) != (None, None, None):
            raise Misuse("--codes, --projection and --fit go with --by rule.")

    def fit_to(self) -> FitTo | None:
        """Return what the rule is fitted to.

        Raises:
            Misuse: if there is no such thing.
        """
        from ...selection.rules.produce import FitTo

        known: tuple[FitTo, ...] = get_args(FitTo)
        chosen = next((each for each in known if each == self.fit), None)
        if chosen is None and self.fit is not None:
            raise Misuse(f"--fit is one of {', '.join(known)}; not {self.fit!r}.")
        return chosen

    def open(self, compared: CompareOptions, ref: PoolRef) -> PoolCodes:
        """Open the codes of a pool.

        Args:
            compared: names the manifest.
            ref: the pool of the score table.

        Raises:
            Misuse: if nothing says where they are, or the manifest is another pool's.
            PipelineError: if they are not there.
        """
        from ...pool import ManifestFile
        from ...pool.codes import PoolCodes, codes_beside

        if compared.manifest is None and self.codes is None:
            raise Misuse(
                "A rule is over the codes of the pool's images: give --manifest, beside which they "
                "are found, or --codes."
            )
        if compared.manifest is not None:
            pool = ManifestFile(compared.manifest).pool
            if pool != ref:
                raise Misuse(
                    f"The manifest is of pool {pool.id.hex()[:16]}..., the scores are of "
                    f"{ref.id.hex()[:16]}...; give the pool that was labelled."
                )
            return PoolCodes(self.codes or codes_beside(compared.manifest))
        assert self.codes is not None
        return PoolCodes(self.codes)

    def coded(
        self,
        compared: CompareOptions,
        codes: PoolCodes,
        classes: tuple[str, ...],
        seed: int,
        progress: Progress,
    ) -> CodedTask | None:
        """Make the codes of the task's training images, None without ``--task``.

        Args:
            compared: names the task, the weights and the device.
            codes: of the pool.
            classes: of the score table.
            seed: of the images that are held out.

        Raises:
            Misuse: if options do not go together, or the task has other classes.
            PipelineError: if the projection, the weights or an image cannot be read, or do not fit.
        """
        sizes = (compared.img_size, compared.via_size, compared.grey)
        if compared.model is not None or sizes != (None, None, False):
            raise Misuse(
                "--by rule takes model and image sizes from the projection; leave --model, "
                "--img-size, --via-size and --grey out."
            )
        if compared.task is None:
            return None
        for module in ("torch", "timm", "safetensors"):
            need(module, extra="ref", for_="--by rule --task")
        from ...codes.make import backbone_of
        from ...codes.projection import Projection
        from ...pool.codes import projection_beside
        from ...selection.rules.produce import CodedTask

        projection = Projection.read(self.projection or projection_beside(codes.path))
        task = load_shown(compared.task, "train", download=compared.download, progress=progress)
        if task.classes != classes:
            raise Misuse(
                f"The task has other classes than the score table ({len(task.classes)} and "
                f"{len(classes)}); give the task that the teacher learned."
            )
        spec = compared.spec_of(projection.origin.model, compared.weights)
        backbone = backbone_of(projection, spec, compared.compute(progress))
        return CodedTask.of(task, backbone, projection, seed=seed)
