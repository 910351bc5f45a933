"""The experiment that all baselines of one task share: images, features, pool and student."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pladafmt import Payload
from pladafmt.text import for_terminal

from ..compute.context import Compute
from ..errors import Misuse
from ..features.backbone import Backbone
from ..features.cache import FeatureCache
from ..features.target import Features
from ..images import ImagePool, ImageSet
from ..labelling.scores import ScoreTable
from ..models.checkpoint import Checkpoint
from ..models.spec import ModelSpec
from ..runs.folder import RunFolder
from ..tasks.content import task_digest
from ..tasks.task import Task
from ..training.augment import augmentation
from ..training.recipe import Recipe, Tune, recipe
from .baseline import Labels
from .head_students import HeadStudents
from .training import TrainedStudents


@dataclass(frozen=True, eq=False)
class LabelledPool:
    """A client's pool and a teacher's pseudo-labels of it.

    Raises:
        Misuse: if the two do not belong together.
    """

    table: ScoreTable
    pool: ImagePool

    def __post_init__(self) -> None:
        if self.table.pool != self.pool.ref:
            raise Misuse(
                f"The scores are of the pool {self.table.pool.id.hex()}, the manifest is of "
                f"{self.pool.ref.id.hex()}; give those that belong together."
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class Experiment:
    """The images, the pool and the student by which baselines are compared.

    Attributes:
        spec: the student's model and the pre-trained weights that clients have.
        how: how each student is trained.
        target: the task's training images.
        test: its test images; their classes are brought into the target's order.
        labelled: the client's pool, where there is one.
        folder: where features and the state of interrupted trainings are kept.

    Raises:
        Misuse: if target, test images and pool are not of the same classes.
    """

    spec: ModelSpec
    how: Recipe
    target: Task
    test: Task
    labelled: LabelledPool | None
    folder: Path
    compute: Compute

    def __post_init__(self) -> None:
        object.__setattr__(self, "test", _matched(self.test, self.target))
        if self.labelled is not None and self.labelled.table.classes != self.target.classes:
            raise Misuse(
                f"The scores are of other classes than the task {self.target.name!r}; give those "
                "of a teacher of this task."
            )

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return len(self.target.classes)

    @cached_property
    def backbone(self) -> Backbone:
        """The student's frozen backbone, with the weights that clients have."""
        return Backbone.of(self.spec, self.compute, seed=self.how.seed)

    def views(
        self,
        images: ImageSet,
        rows: npt.NDArray[np.int64] | None = None,
        cache: FeatureCache | None = None,
    ) -> list[Features]:
        """Return what a head is fitted to: features of images, and of mirrors if the recipe flips.

        Args:
            rows: which images, shape (n,); all when None.
            cache: of this very set.
        """
        mirrored = augmentation(self.how.augment).flip
        return self.backbone.views(images, rows, mirrored=mirrored, cache=cache)

    @cached_property
    def target_views(self) -> list[Features]:
        """Features of the training images, and of their mirror images if those count."""
        return self.views(self.target.images, cache=self._cache_of("target"))

    @cached_property
    def heads(self) -> HeadStudents:
        """Students that are heads on the frozen backbone."""
        how = self.how
        if not self._frozen:
            how = recipe("head", label_smoothing=how.label_smoothing)
        test = self.backbone.target(self.test, self._cache_of("test"))
        return HeadStudents(test, self.classes, how)

    @cached_property
    def students(self) -> TrainedStudents:
        """Students of the recipe, tested on images."""
        return TrainedStudents(
            spec=self.spec,
            how=self.how,
            target=self.target,
            test=self.test,
            pool=None if self.labelled is None else self.labelled.pool,
            cache=self._pool_cache,
            resume=self._run.baselines_training,
            compute=self.compute,
        )

    @cached_property
    def target_student(self) -> Checkpoint:
        """The student of all training images."""
        return self.students.taught(self.target)

    def learn_target(self, images: ImageSet, labels: Labels) -> float:
        """Return the accuracy of the student of all training images, which are `images`."""
        if self._frozen:
            return self.heads.learn(self.target_views, labels)
        return self.students.accuracy(self.target_student)

    def learn_images(self, images: ImageSet, labels: Labels) -> float:
        """Return the accuracy of a student of other labelled images."""
        if self._frozen:
            return self.heads.learn(self.views(images), labels)
        return self.students.on_images(images, labels)

    def learn_payload(self, payload: Payload) -> float:
        """Return the accuracy of a student of a payload."""
        if not self._frozen:
            return self.students.on_payload(payload)
        assert self.labelled is not None
        rows = payload.positions.astype(np.int64)
        views = self.views(self.labelled.pool.only(rows), rows, self._pool_cache)
        return self.heads.learn(views, payload.labels)

    def settings(self) -> dict[str, Any]:
        """Return what every row depends on, as JSON values."""
        spec = asdict(self.spec) | {"weights": self.spec.weights_digest()}
        del spec["random_backbone"]  # A permission, which changes no result.
        settings = {
            "model": spec,
            "recipe": self.how.to_json(),
            "target": [self.target.name, self._digests["target"]],
            "test": [self.test.name, self._digests["test"]],
        }
        if self.labelled is not None:
            table = self.labelled.table
            settings |= {"pool": table.pool.id.hex(), "teacher": table.teacher}
        return settings

    @property
    def _run(self) -> RunFolder:
        return RunFolder(self.folder)

    @property
    def _frozen(self) -> bool:
        """Whether students are heads: then the backbone sees the test images once for them all."""
        return self.how.tune is Tune.HEAD

    @property
    def _pool_cache(self) -> FeatureCache | None:
        if self.labelled is None:
            return None
        return FeatureCache.of_pool(self._run.features, self.labelled.pool)

    @cached_property
    def _digests(self) -> dict[str, str]:
        """What rows and features are bound to: images and labels, not their names alone."""
        parts = {"target": self.target, "test": self.test}
        return {name: task_digest(part, self.compute.progress) for name, part in parts.items()}

    def _cache_of(self, part: Literal["target", "test"]) -> FeatureCache:
        size = len(self.target if part == "target" else self.test)
        return FeatureCache(self._run.features, name=self._digests[part], size=size)


def _matched(test: Task, target: Task) -> Task:
    """`test` with the class numbers of `target`."""
    number = {name: label for label, name in enumerate(target.classes)}
    unknown = [for_terminal(name) for name in test.classes if name not in number]
    if unknown:
        raise Misuse(
            f"The test images have classes that the training images of {target.name!r} do not "
            f"show: {', '.join(unknown[:5])}."
        )
    mine = np.array([number[name] for name in test.classes], dtype=np.uint16)
    return Task(test.name, target.classes, mine[test.labels], test.keys, test.images)
