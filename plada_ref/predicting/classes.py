"""The most probable classes of images, some of which may be unreadable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ..compute.batches import ReadableImages
from ..compute.context import Compute
from ..errors import Misuse, PipelineError
from ..images import ImageSet
from ..models.checkpoint import Checkpoint
from ..training.predict import run


@dataclass(frozen=True, eq=False)
class TopClasses:
    """The k most probable classes of each image, the most probable first.

    Attributes:
        rows: which images of the set these are, ascending, int64 of shape (n,).
        labels: class numbers, int64 of shape (n, k); of equal ones the lower comes first.
        probabilities: softmax of the logits, float64 of shape (n, k).
        unreadable: a sentence for each of the other images, by its number in the set.
    """

    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    unreadable: dict[int, str]

    def each(self) -> Iterator[tuple[int, list[tuple[int, float]]]]:
        """Yield the number of each image, with class numbers and probabilities."""
        for row, labels, chances in zip(self.rows, self.labels, self.probabilities, strict=True):
            yield int(row), list(zip(labels.tolist(), chances.tolist(), strict=True))


def top_classes(
    model: Checkpoint, images: ImageSet, count: int, *, compute: Compute | None = None
) -> TopClasses:
    """Classify images; one that cannot be read is left out, and the others are classified.

    Args:
        count: k, or more than there are classes for all of them.

    Raises:
        PipelineError: if the model computes numbers that are not finite.
    """
    if count < 1:
        raise Misuse(f"The number of classes for each image is 1 or more, not {count}.")
    count = min(count, model.class_count)
    labels, chances, readable = [np.empty((0, count), np.int64)], [np.empty((0, count))], []
    dataset = ReadableImages(images, model.preparation, PipelineError)
    for (_, known), logits in run(
        model, dataset, len(images), compute or Compute(), doing="Predicting"
    ):
        probabilities = torch.softmax(logits.double(), dim=1).cpu().numpy()
        if not np.isfinite(probabilities).all():
            raise PipelineError(
                f"The model {model.model!r} computes numbers that are not finite; train it again."
            )
        top = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
        labels.append(top)
        chances.append(np.take_along_axis(probabilities, top, axis=1))
        readable.append(known.numpy())
    is_known = np.concatenate([np.empty(0, np.int64), *readable]).astype(bool)
    return TopClasses(
        np.flatnonzero(is_known),
        np.concatenate(labels)[is_known],
        np.concatenate(chances)[is_known],
        {int(row): _why(images, int(row)) for row in np.flatnonzero(~is_known)},
    )


def _why(images: ImageSet, row: int) -> str:
    # Read once more, since batches from other processes hold numbers alone.
    try:
        images.open_image(row)
    except PipelineError as exc:
        return str(exc)
    return "It could not be read, and now it can; run the command again."
