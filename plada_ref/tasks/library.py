"""Make a task of a library's dataset, whose items are (image, label): torchvision, medmnist."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..errors import PipelineError
from ..images import as_pixels
from ..images.decoding import only_ours
from .task import Task


class LibraryImages:
    """The images of a dataset whose items are (PIL image, label)."""

    def __init__(self, dataset: Any, name: str) -> None:
        self.dataset = dataset
        self.name = name

    def __len__(self) -> int:
        return len(self.dataset)

    def open_image(self, position: int, /) -> Image.Image:
        """Return the image of an item.

        Raises:
            PipelineError: if the library cannot read it.
        """
        try:
            with only_ours():
                image = self.dataset[position][0]
            if not isinstance(image, Image.Image):
                image = Image.fromarray(np.asarray(image))
            return as_pixels(image)
        except Exception as exc:  # Decoders raise nearly anything on odd bytes.
            raise PipelineError(
                f"Image {position} of {self.name!r} cannot be read ({exc}); fetch the set again."
            ) from exc


def library_task(
    name: str, dataset: Any, labels: Any, classes: Sequence[str], keys: Sequence[str] | None = None
) -> Task:
    """Make a task of a library's dataset.

    Args:
        labels: class numbers, shape (n,).
        keys: a name for each image; its number in the dataset when None.

    Raises:
        PipelineError: if a label lies beyond the classes.
    """
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
        raise PipelineError(
            f"{name!r} has labels beyond its {len(classes)} classes; fetch the set again."
        )
    return Task(
        name,
        tuple(unicodedata.normalize("NFC", text) for text in classes),
        labels.astype(np.uint16),
        tuple(keys or (f"{row:08d}" for row in range(len(labels)))),
        LibraryImages(dataset, name),
    )


def first_line(exc: BaseException) -> str:
    """Return the first line of an exception's message, or its type if the message is empty."""
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0]
