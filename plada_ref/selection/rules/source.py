"""What rules are made from: a pool's codes, and what gives a task's images codes of their kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pladafmt import PoolRef

from ...codes.make import backbone_of, made_with
from ...codes.projection import Projection
from ...compute.context import Compute
from ...compute.progress import Progress
from ...errors import Misuse, PipelineError
from ...features.backbone import Backbone
from ...features.target import Target
from ...labelling.histogram import count_labels
from ...labelling.scores import ScoreTable
from ...models.spec import ModelSpec
from ...pool.codes import PoolCodes, projection_beside
from ...tasks.task import Task
from ..prune import FoundRule, PayloadOptions, Pruned
from ..rule import FitTo, RuleSelection
from ..size import Size
from .produce import CodedTask, check_rows, find_rule


@dataclass(frozen=True, eq=False)
class Coder:
    """Gives images of a task codes of a pool's kind.

    Attributes:
        projection: what the pool's codes were made with.
        backbone: the model whose features it reads.
    """

    projection: Projection
    backbone: Backbone

    @classmethod
    def of(
        cls,
        codes: PoolCodes,
        ref: PoolRef,
        projection: Projection,
        spec: ModelSpec,
        compute: Compute,
    ) -> Coder:
        """The coder of a pool's codes.

        Args:
            ref: the pool.
            spec: where the weights of the projection's model are.

        Raises:
            Misuse: if there are codes of fewer images.
            PipelineError: if codes, projection and pool do not go together, or the weights cannot
                be read or are others.
        """
        check_rows(codes, ref)
        images = projection.images
        if images > len(codes) or codes.id_of(images).hex() != projection.codes_id:
            raise PipelineError(
                f"The projection was written with other codes than those in {str(codes.path)!r}: "
                f"{images:,} rows with the id {projection.codes_id[:16]}...; give the codes and "
                "the projection of one pool."
            )
        # Codes of more images may be those of the grown pool.
        if images == ref.size and projection.pool_id not in ("", ref.id.hex()):
            raise PipelineError(
                f"The codes in {str(codes.path)!r} are of pool {projection.pool_id[:16]}..., and "
                f"this is {ref.id.hex()[:16]}...; give the codes of this pool."
            )
        return cls(projection, backbone_of(projection, spec, compute))


@dataclass(frozen=True, eq=False)
class RuleSource:
    """What rules are made from, besides a score table.

    Attributes:
        codes: of the pool's images.
        coder: gives a task's images their codes; None: rules are fitted to the teacher's labels.
        task: the task to fit to, where there are no images to compare; needs the coder.
        fit_to: what a rule is fitted to; the task if there is one, else the pool.
    """

    codes: PoolCodes
    coder: Coder | None = None
    task: Task | None = None
    fit_to: FitTo | None = None

    @classmethod
    def of(
        cls,
        codes: PoolCodes | str | os.PathLike[str],
        ref: PoolRef,
        spec: ModelSpec | None = None,
        *,
        task: Task | None = None,
        fit_to: FitTo | None = None,
        projection: str | os.PathLike[str] | None = None,
        compute: Compute | None = None,
    ) -> RuleSource:
        """What rules over a pool's codes are made from.

        Args:
            codes: of the pool's images, or their file.
            ref: the pool.
            spec: where the weights of the model are that the codes were made with; None: nothing
                gives a task's images codes, and rules are fitted to the teacher's labels.
            task: see `RuleSource`.
            fit_to: see `RuleSource`.
            projection: its file; that beside the codes when None.

        Raises:
            Misuse, PipelineError: as `Coder.of` does.
        """
        table = codes if isinstance(codes, PoolCodes) else PoolCodes(Path(codes))
        if spec is None:
            return cls(table, task=task, fit_to=fit_to)
        stored = projection_beside(table.path) if projection is None else Path(projection)
        coder = Coder.of(table, ref, Projection.read(stored), spec, compute or Compute())
        return cls(table, coder, task, fit_to)

    def coded(
        self,
        task: Task,
        table: ScoreTable,
        *,
        seed: int,
        by: Backbone | None = None,
        target: Callable[[], Target] | None = None,
    ) -> CodedTask:
        """Give the images of a task their codes, and divide them.

        Args:
            table: the teacher's labels; of the same classes.
            seed: of the images that are held out.
            by: a backbone that looks at the task anyhow.
            target: what it sees; asked for only if it is the coder's.

        Raises:
            Misuse: if the task has other classes, or so few images cannot be divided.
            PipelineError: if an image cannot be read.
        """
        if task.classes != table.classes:
            raise Misuse(
                f"The task has other classes than the score table ({len(task.classes)} and "
                f"{len(table.classes)}); give the task that the teacher learned."
            )
        assert self.coder is not None
        projection, backbone = self.coder.projection, self.coder.backbone
        if by is not None and target is not None and made_with(projection, by):
            features = target().features
        else:
            features = backbone.features(task.images)
        return CodedTask.of(task, projection.codes(features), seed=seed)

    def make(
        self,
        table: ScoreTable,
        size: Size,
        task: CodedTask | None,
        options: PayloadOptions,
        *,
        seed: int,
        progress: Progress | None = None,
    ) -> Pruned:
        """Return the payload of the rule that `find_rule` finds; arguments and errors are its."""
        found = find_rule(
            table,
            self.codes,
            size,
            task=task,
            fit_to=self.fit_to,
            options=options,
            seed=seed,
            progress=progress,
        )
        return Pruned(
            payload=found.payload,
            selection=RuleSelection(seed=seed),
            supply=table.histogram(),
            kept=count_labels(found.payload.labels, len(table.classes)),
            payload_bytes=found.payload_bytes,
            by_rule=FoundRule(found.rule, found.record),
        )
