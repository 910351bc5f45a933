"""Students of any recipe, trained and tested on images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pladafmt import Payload

from ..compute.context import Compute
from ..features.cache import FeatureCache
from ..images import ImagePool, ImageSet
from ..models.checkpoint import Checkpoint
from ..models.spec import ModelSpec
from ..tasks.task import Task
from ..training.evaluate import evaluate
from ..training.learn import teach, train
from ..training.recipe import Recipe
from .baseline import Labels


@dataclass(frozen=True, eq=False)
class TrainedStudents:
    """Trains the student with one recipe on whatever a client receives.

    Attributes:
        spec: the student's model and the weights that it starts from.
        how: any recipe.
        target: the target's training images.
        test: its test images, with the same classes.
        pool: the client's pool; None where no payload is learned from.
        cache: features of that pool by frozen backbones.
        resume: file for the state of an interrupted training.
    """

    spec: ModelSpec
    how: Recipe
    target: Task
    test: Task
    pool: ImagePool | None
    cache: FeatureCache | None
    resume: Path
    compute: Compute

    def on_images(self, images: ImageSet, labels: Labels) -> float:
        """A student of labelled images of the target."""
        keys = tuple(str(row) for row in range(len(images)))
        sent = Task(self.target.name, self.target.classes, labels.astype("u2"), keys, images)
        return self.accuracy(self.taught(sent))

    def on_payload(self, payload: Payload) -> float:
        """A student of a payload; one of unnamed classes has them in the target's order."""
        assert self.pool is not None
        student = train(
            payload,
            self.pool,
            self.spec,
            self.how,
            compute=self.compute,
            resume=self.resume,
            cache=self.cache,
        )
        return self.accuracy(student)

    def taught(self, task: Task) -> Checkpoint:
        """The student itself, of the images of a task."""
        return teach(task, self.spec, self.how, compute=self.compute, resume=self.resume)

    def accuracy(self, student: Checkpoint) -> float:
        """Top-1 of a model on the test images, 0 to 1."""
        return evaluate(student, self.test, compute=self.compute).accuracy
