"""Options of rules over codes: where the codes are, and what gives a task's images such codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pladafmt import PoolRef

from ...errors import Misuse, PipelineError
from ...optional import need
from .address import readable
from .codes import CodesOption
from .compare import CompareOptions
from .group import OptionGroup
from .task import load_shown

if TYPE_CHECKING:
    from ...compute.context import Compute
    from ...compute.progress import Progress
    from ...models.spec import ModelSpec
    from ...pool.codes import PoolCodes
    from ...selection.rule import FitTo
    from ...selection.rules.source import Coder, RuleSource


RULE_OPTIONS = "--codes, --projection, --codes-weights and --fit"


@dataclass(frozen=True, kw_only=True)
class RuleOptions(OptionGroup):
    """The codes that rules are over, and what makes such codes of a task's images."""

    panel = "Rules over codes"

    codes: CodesOption = None
    projection: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For a rule that is fitted to the task: the projection that the codes were made "
            "with; beside the codes by default.",
            parser=readable(),
        ),
    ] = None
    codes_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights of the projection's model, where they are not among the others given.",
            parser=readable(),
        ),
    ] = None

    fit: Annotated[
        str | None,
        typer.Option(
            metavar="target|pool|both",
            help="Fit rules to the task's own images (the default where a task is given), to the "
            "teacher's labels of the pool (the default without), or to both.",
        ),
    ] = None

    def given(self) -> bool:
        """Whether one of these options is given."""
        return any(each is not None for each in vars(self).values())

    def fit_to(self) -> FitTo | None:
        """Return what rules are fitted to, None if that is not said.

        Raises:
            Misuse: if there is no such thing.
        """
        from ...selection.rule import chosen_fit

        return None if self.fit is None else chosen_fit(self.fit)

    def open(self, manifest: Path | None, ref: PoolRef) -> PoolCodes:
        """Open the codes of a pool.

        Args:
            manifest: the pool's, if one is given; codes are found beside it.
            ref: the pool of the score table.

        Raises:
            Misuse: if nothing says where they are, or the manifest is another pool's.
            PipelineError: if they are not there, or are of fewer images.
        """
        from ...pool import ManifestFile
        from ...pool.codes import PoolCodes, stored_codes

        if manifest is None and self.codes is None:
            raise Misuse(
                "A rule is over the codes of the pool's images: give --manifest, beside which they "
                "are found, or --codes."
            )
        if manifest is not None:
            pool = ManifestFile(manifest).pool
            if pool != ref:
                raise Misuse(
                    f"The manifest is of pool {pool.id.hex()[:16]}..., the scores are of "
                    f"{ref.id.hex()[:16]}...; give the pool that was labelled."
                )
            return PoolCodes(self.codes or stored_codes(manifest))
        assert self.codes is not None
        return PoolCodes(self.codes)

    def coder(
        self,
        codes: PoolCodes,
        ref: PoolRef,
        weights: Callable[[str], ModelSpec],
        compute: Compute,
    ) -> Coder:
        """Open what gives a task's images codes of a pool's kind.

        Args:
            codes: of the pool `ref`.
            weights: says where a model's weights are, unless ``--codes-weights`` does.

        Raises:
            PipelineError: if the projection or the weights cannot be read, or do not fit.
        """
        from ...codes.projection import Projection
        from ...pool.codes import stored_projection
        from ...selection.rules.source import Coder

        projection = Projection.read(self.projection or stored_projection(codes.path))
        spec = weights(projection.origin.model)
        if self.codes_weights is not None:
            spec = replace(spec, weights=self.codes_weights)
        return Coder.of(codes, ref, projection, spec, compute)

    def source(
        self,
        purpose: str,
        manifest: Path,
        ref: PoolRef,
        weights: Callable[[str], ModelSpec],
        compute: Compute,
    ) -> RuleSource:
        """Open what rules for a task are made from.

        Args:
            purpose: what needs it, for the error.

        Raises:
            Misuse: if a package is missing, the manifest is another pool's, or ``--fit`` names
                something else.
            PipelineError: if codes, projection or weights cannot be read, or do not fit.
        """
        _need(purpose)
        from ...selection.rules.source import RuleSource

        fit_to = self.fit_to()
        codes = self.open(manifest, ref)
        return RuleSource(codes, self.coder(codes, ref, weights, compute), fit_to=fit_to)

    def source_if_there(
        self,
        purpose: str,
        manifest: Path,
        ref: PoolRef,
        weights: Callable[[str], ModelSpec],
        compute: Compute,
    ) -> RuleSource | None:
        """The same for who tries rules where that can be done; None if there are no codes.

        What lies beside the manifest and cannot be used is said, and None is returned. What an
        option names has to be usable.
        """
        from ...pool.codes import stored_codes, stored_projection

        path = self.codes or stored_codes(manifest)
        if not self.given() and not path.exists():
            return None
        beside = stored_projection(path)
        if self.projection is None and path.exists() and not beside.exists():
            compute.progress.warn(
                f"No rule over the codes in {path} is tried: their projection is not at "
                f"{beside}; get it from the pool's publisher, or name it with --projection."
            )
            return None
        try:
            return self.source(purpose, manifest, ref, weights, compute)
        except (Misuse, PipelineError) as exc:
            if self.given():
                raise
            compute.progress.warn(f"No rule over the codes in {path} is tried. {exc}")
            return None

    def by_rule(self, compared: CompareOptions, ref: PoolRef, progress: Progress) -> RuleSource:
        """Open what ``--by rule`` is made from: codes, and with ``--task`` the task's images.

        Args:
            compared: names manifest, task, weights and device.
            ref: the pool of the score table.

        Raises:
            Misuse: if options are missing, or do not go together.
            PipelineError: if codes, projection, weights or images cannot be read, or do not fit.
        """
        sizes = (compared.img_size, compared.via_size, compared.grey)
        if compared.model is not None or sizes != (None, None, False):
            raise Misuse(
                "--by rule takes model and image sizes from the projection; leave --model, "
                "--img-size, --via-size and --grey out."
            )
        _need("plada prune --by rule")
        from ...selection.rules.source import RuleSource

        fit_to = self.fit_to()
        codes = self.open(compared.listed if compared.given else None, ref)
        if compared.task is None:
            return RuleSource(codes, fit_to=fit_to)
        coder = self.coder(
            codes,
            ref,
            lambda model: compared.spec_of(model, compared.weights),
            compared.compute(progress),
        )
        task = load_shown(compared.task, "train", download=compared.download, progress=progress)
        return RuleSource(codes, coder, task, fit_to)


def _need(purpose: str) -> None:
    for module in ("scipy", "threadpoolctl", "torch", "timm", "safetensors"):
        need(module, extra="ref", for_=purpose)
