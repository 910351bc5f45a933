"""Labelled images as a `torch.utils.data.Dataset`, for teachers and students alike."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import Dataset

from pladafmt import Payload

from ..errors import PipelineError
from ..images import ImagePool, ImageSet, called
from ..pool.permutation_mark import PERMUTATION
from ..tasks.task import Task


class LabelledImages(Dataset[tuple[Any, Any, float]]):
    """Items are (image, class number, weight); of soft labels the probabilities of the classes.

    Args:
        images: where the images are.
        rows: number of each item's image in `images`, shape (n,).
        labels: class numbers, shape (n,).
        weights: sample weights, shape (n,); all 1 when None.
        classes: class names in label order, or only their number.
        transform: makes of a PIL image what the item holds; the PIL image itself when None.
        soft: probabilities of the classes in place of class numbers, float32 of shape (n, C).
    """

    def __init__(
        self,
        images: ImageSet,
        rows: npt.NDArray[np.integer[Any]],
        labels: npt.NDArray[np.integer[Any]],
        weights: npt.NDArray[np.floating[Any]] | None = None,
        *,
        classes: tuple[str, ...] | int,
        transform: Callable[[Any], Any] | None = None,
        soft: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self.images = images
        self.classes = classes
        self.rows = rows.astype(np.int64)
        self.labels = labels.astype(np.int64)
        self.weights = np.ones(len(rows)) if weights is None else weights.astype(np.float64)
        self.transform = transform
        self.targets: npt.NDArray[Any] = self.labels if soft is None else soft

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, Any, float]:
        image: Any = self.images.open_image(int(self.rows[index]))
        if self.transform is not None:
            image = self.transform(image)
        target = self.targets[index]
        return image, target if target.ndim else int(target), float(self.weights[index])

    def called(self, index: int) -> str:
        """What a sentence calls an item's image."""
        return called(self.images, int(self.rows[index]))

    def part(self, which: npt.NDArray[np.bool_]) -> LabelledImages:
        """Return some of the items, in the same order; `which` is of shape (n,)."""
        chosen = copy.copy(self)
        for name in ("rows", "labels", "weights", "targets"):
            setattr(chosen, name, getattr(self, name)[which])
        return chosen

    @classmethod
    def of_task(cls, task: Task) -> LabelledImages:
        """The labelled images of a task."""
        return cls(task.images, np.arange(len(task)), task.labels, classes=task.classes)

    @classmethod
    def of_payload(
        cls, payload: Payload, pool: ImagePool, soft: npt.NDArray[np.float32] | None = None
    ) -> LabelledImages:
        """What a payload means on this client: the kept pool images with their pseudo-labels.

        An image is verified against the pool's manifest each time it is loaded.

        Args:
            soft: probabilities of the classes for each kept image, shape (K, C), to be learned in
                place of the labels; see `plada_ref.training.soft_labels`.

        Raises:
            pladafmt.errors.Mismatch: if the payload was made for another pool.
            PipelineError: if it keeps no image, or is a permutation, or the pool cannot be read.
        """
        pool.serve(payload.pool)
        if PERMUTATION in (payload.metadata or {}):
            raise PipelineError(
                "The file is a permutation: it puts a pool in order (plada pool order --apply), "
                "and its labels are no classes. Train on a task's payload."
            )
        if len(payload.positions) == 0:
            raise PipelineError(
                "The payload keeps no image, so there is nothing to learn from; prune with a "
                "higher keep rate."
            )
        return cls(
            pool.only(payload.positions),
            payload.positions,
            payload.labels,
            payload.weights,
            classes=payload.classes if isinstance(payload.classes, int) else tuple(payload.classes),
            soft=soft,
        )
