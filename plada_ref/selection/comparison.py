"""What rankings that compare images read: pool and target through one frozen backbone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..features.target import Features, Target
from ..images import ImagePool
from ..tasks.task import Task

if TYPE_CHECKING:
    from ..features.backbone import Backbone
    from ..features.cache import FeatureCache


@dataclass(frozen=True, eq=False)
class Comparison:
    """A pool and a task whose images can be compared; features are computed when first asked for.

    Attributes:
        backbone: computes the features.
        pool: the images that labels were made for.
        task: the server's labelled target images.
        cache: keeps the pool's features.
    """

    backbone: Backbone
    pool: ImagePool
    task: Task
    cache: FeatureCache

    @cached_property
    def features(self) -> Features:
        """Features of all pool images, shape (N, D), as a memory map.

        Raises:
            PipelineError: if an image has changed, is missing or does not decode.
        """
        return self.backbone.pool(self.pool, self.cache).all()

    @cached_property
    def target(self) -> Target:
        """Features and labels of all images of the task."""
        return self.backbone.target(self.task)
