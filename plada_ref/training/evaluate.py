"""How often a model is right on a task's images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pladafmt.text import for_terminal

from ..compute.context import Compute
from ..errors import Misuse
from ..images import ImageRows
from ..models.checkpoint import Checkpoint
from ..tasks.task import Task
from .dataset import LabelledImages
from .held_out import HeldOut
from .predict import predict


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model said about labelled images.

    Attributes:
        classes: the model's class names.
        confusion: images by true class (row) and predicted class (column), int64 (C, C).
    """

    classes: tuple[str, ...]
    confusion: npt.NDArray[np.int64]

    @property
    def images(self) -> int:
        """Number of images."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy, 0 to 1."""
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def per_class(self) -> npt.NDArray[np.float64]:
        """Accuracy on each class's images, shape (C,); NaN for a class without images."""
        counts = self.confusion.sum(axis=1)
        right = self.confusion.diagonal().astype(np.float64)
        found = np.full(len(right), np.nan)
        np.divide(right, counts, out=found, where=counts > 0)
        return found


def evaluate(
    model: Checkpoint,
    task: Task,
    *,
    compute: Compute | None = None,
) -> Evaluation:
    """Compare a model with the labels of a task.

    Classes are matched by name; a model of unnamed classes is matched by number.

    Raises:
        Misuse: if the task has a class that the model does not know.
        PipelineError: if an image cannot be read.
    """
    number = _class_numbers(model, task)
    predicted = predict(model, task.images, compute=compute)
    confusion = np.zeros((model.class_count, model.class_count), dtype=np.int64)
    np.add.at(confusion, (number[task.labels], predicted), 1)
    return Evaluation(model.class_names, confusion)


def agreement(
    model: Checkpoint, data: LabelledImages, *, compute: Compute | None = None
) -> HeldOut:
    """Compare a model with the labels that some images have.

    Raises:
        PipelineError: if an image cannot be read.
    """
    predicted = predict(model, ImageRows(data.images, data.rows), compute=compute)
    return HeldOut(float((predicted == data.labels).mean()), len(data))


def _class_numbers(model: Checkpoint, task: Task) -> npt.NDArray[np.int64]:
    """The model's number of each of the task's classes."""
    if isinstance(model.classes, int):
        if model.classes != len(task.classes):
            raise Misuse(
                f"The model has {model.classes} unnamed classes, the task {task.name!r} "
                f"{len(task.classes)}; evaluate it on the task it was made for."
            )
        return np.arange(len(task.classes))
    known = {name: number for number, name in enumerate(model.classes)}
    unknown = [for_terminal(name) for name in task.classes if name not in known]
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise Misuse(
            f"The task {task.name!r} has classes that the model does not know: "
            f"{', '.join(unknown[:5])}{more}."
        )
    return np.array([known[name] for name in task.classes], dtype=np.int64)
