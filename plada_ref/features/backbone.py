"""What a frozen backbone sees: the features that rankings and proxy students compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..images import ImagePool
from ..models.spec import ModelSpec, build
from ..output import Output
from ..selection import Features, Target
from ..tasks.task import Task
from .cache import FeatureCache, features_of, fill

BATCH = 64


@dataclass(frozen=True)
class Sight:
    """A frozen backbone with its image preparation.

    Attributes:
        spec: the model, with pre-trained weights.
        folder: where the features of pools are kept; they are computed once.
        device: where the backbone runs.
        workers: processes that decode images; chosen when None.
    """

    spec: ModelSpec
    folder: Path
    device: torch.device
    workers: int | None = None

    def pool(self, pool: ImagePool, output: Output) -> Features:
        """The features of a whole pool, shape (N, D), as a memory map.

        An interrupted call is taken up where it stopped.

        Raises:
            PipelineError: if an image has changed, is missing or unreadable.
        """
        cache = FeatureCache(self.folder, name=pool.ref.id.hex(), size=len(pool))
        network = build(self.spec, 1, seed=0)
        preparation = self.spec.preparation()
        view = cache.view(network, preparation, flip=False)
        positions = np.arange(len(pool))
        fill(
            view,
            network,
            pool.only(positions),
            positions,
            preparation,
            flip=False,
            batch_size=BATCH,
            device=self.device,
            workers=self.workers,
            output=output,
        )
        return view.all()

    def task(self, task: Task, output: Output) -> Target:
        """The features and labels of a task's images.

        Raises:
            PipelineError: if an image is unreadable.
        """
        found = features_of(
            build(self.spec, 1, seed=0),
            task.images,
            np.arange(len(task)),
            self.spec.preparation(),
            flip=False,
            cache=None,
            batch_size=BATCH,
            device=self.device,
            workers=self.workers,
            output=output,
        )
        return Target(found, task.labels)
