"""What rankings that compare images read: pool and target through one frozen backbone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..features.target import Features, Target
from .evidence import Positions

if TYPE_CHECKING:
    from pathlib import Path

    from ..compute.context import Compute
    from ..features.backbone import Backbone
    from ..features.cache import CachedView, FeatureCache
    from ..images import ImagePool
    from ..models.spec import ModelSpec
    from ..tasks.task import Task


@dataclass(frozen=True, eq=False)
class Comparison:
    """A pool and a task whose images can be compared; features are computed when first asked for.

    Attributes:
        backbone: computes the features.
        spec: its model, for students that train all of it.
        pool: the images that labels were made for.
        task: the server's labelled target images.
        cache: keeps the pool's features.
        known_unreadable: how many images of the pool are known not to decode, and may be skipped.
        max_unreadable: the part of the images that may be skipped, if that is more; see
            `plada_ref.pool.most_unreadable`.
    """

    backbone: Backbone
    spec: ModelSpec
    pool: ImagePool
    task: Task
    cache: FeatureCache
    known_unreadable: int = 0
    max_unreadable: float | None = None

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        pool: ImagePool,
        task: Task,
        folder: Path,
        *,
        compute: Compute | None = None,
    ) -> Comparison:
        """The comparison by the frozen backbone of a model.

        Args:
            spec: the model, with pre-trained weights; best the students' own.
            folder: where the pool's features are kept for the next time; made when needed.

        Raises:
            Misuse, PipelineError: if the model or its weights cannot be used.
        """
        from ..compute.context import Compute
        from ..features.backbone import Backbone
        from ..features.cache import FeatureCache

        backbone = Backbone.of(spec, compute or Compute())
        return cls(backbone, spec, pool, task, FeatureCache.of_pool(folder, pool))

    @cached_property
    def features(self) -> Features:
        """Features of all pool images, shape (N, D), as a memory map.

        Those of `unreadable` images mean nothing.

        Raises:
            PipelineError: if an image has changed or is missing, or too many do not decode.
        """
        return self._view.all()

    @cached_property
    def unreadable(self) -> Positions:
        """Positions of the pool images that do not decode, ascending; raises as `features` does."""
        return self._view.unreadable()

    @cached_property
    def _view(self) -> CachedView:
        return self.backbone.pool(
            self.pool,
            self.cache,
            max_unreadable=self.max_unreadable,
            known_unreadable=self.known_unreadable,
        )

    @cached_property
    def target(self) -> Target:
        """Features and labels of all images of the task; kept beside those of the pool."""
        from ..features.cache import FeatureCache
        from ..tasks.content import task_digest

        digest = task_digest(self.task)
        cache = FeatureCache(self.cache.folder, name=digest, size=len(self.task))
        return self.backbone.target(self.task, cache)

    def part_of_target(self, part: Task) -> Target:
        """The same of a part of the task's images, such as `plada_ref.tasks.task.hold_out` gives.

        Raises:
            PipelineError: if an image cannot be read.
        """
        row_of = {key: row for row, key in enumerate(self.task.keys)}
        rows = np.array([row_of[key] for key in part.keys], np.int64)
        return Target(self.target.features[rows], part.labels)
