"""A task: the labelled images of one split, and how to divide them; `load` finds them."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pladafmt.names import complaint

from ..errors import Misuse, PipelineError
from ..images import ImageRows, ImageSet

ALL = "all"
"""The split of data that is not divided."""


@dataclass(frozen=True, eq=False)
class Task:
    """A classification problem's labelled images of one split.

    Attributes:
        name: the spec and the split, for people.
        classes: class names in label order, NFC.
        labels: class numbers, shape (n,).
        keys: a name for each image, the same on every machine.
        images: the n images.
        skipped: how many files that lie among the images were left out, by reason.
        warnings: sentences about what is odd in the files, but not an error.
    """

    name: str
    classes: tuple[str, ...]
    labels: npt.NDArray[np.uint16]
    keys: tuple[str, ...]
    images: ImageSet
    skipped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problem = complaint(self.classes, what="class name", may_be_empty=False)
        if problem is not None:
            raise PipelineError(f"The task {self.name!r} cannot be used: {problem[1]}")
        if not len(self.labels) == len(self.keys) == len(self.images):
            raise ValueError("labels, keys and images differ in number")
        if len(self.labels) == 0:
            raise PipelineError(f"The task {self.name!r} has no images.")
        if int(self.labels.max()) >= len(self.classes):
            raise ValueError("a label is not below the number of classes")

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: npt.NDArray[np.int64], name: str) -> Task:
        """Select some of the images, as a task called `name`."""
        keys = tuple(self.keys[row] for row in rows)
        images = ImageRows(self.images, rows)
        return replace(self, name=name, labels=self.labels[rows], keys=keys, images=images)


def hold_out(task: Task, fraction: float, *, seed: int = 0) -> tuple[Task, Task]:
    """Split a task in two, (the rest, the held-out part).

    Args and errors are those of `held_out_rows`.
    """
    held = held_out_rows(task, fraction, seed=seed)
    percent = f"{100 * fraction:g} %"
    return (
        task.rows(np.flatnonzero(~held), f"{task.name} less {percent}"),
        task.rows(np.flatnonzero(held), f"{percent} of {task.name}"),
    )


def held_out_rows(task: Task, fraction: float, *, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Say of each image whether it is held out, shape (n,).

    The same fraction of every class is held out, chosen by a hash of key and seed: the same images
    on any machine, in whatever order they are listed.

    Args:
        fraction: above 0 and below 1; of a class of n images, round(fraction * n) are held out.

    Raises:
        Misuse: if either part would be empty.
    """
    if not 0 < fraction < 1:
        raise Misuse(f"The held-out fraction must be between 0 and 1, not {fraction}.")
    held = held_out_of(task.labels, task.keys, fraction, seed=seed)
    if held.all() or not held.any():
        raise Misuse(
            f"Holding out {fraction:g} of {task.name!r} ({len(task)} images) leaves one part "
            "empty; choose another fraction."
        )
    return held


def held_out_of(
    labels: npt.NDArray[np.integer[Any]], keys: Sequence[str], fraction: float, *, seed: int
) -> npt.NDArray[np.bool_]:
    """Do the same for images of these labels and keys; either part may be empty."""
    ranks = [hashlib.sha256(f"plada-split {seed}\0{key}".encode()).digest() for key in keys]
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        of_class = sorted(np.flatnonzero(labels == label), key=lambda row: ranks[row])
        held[of_class[: round(fraction * len(of_class))]] = True
    return held


def from_names(name: str, keys: Sequence[str], folders: Sequence[str], images: ImageSet) -> Task:
    """Make a task of images whose classes are the names of their folders.

    Class names become NFC, since file systems store the same name in different ways, and are
    sorted by their UTF-8 bytes.

    Raises:
        PipelineError: if the names of two folders are the same in NFC.
    """
    stored = {folder: unicodedata.normalize("NFC", folder) for folder in folders}
    classes = sorted(set(stored.values()), key=lambda text: text.encode("utf-8", "surrogatepass"))
    if len(classes) < len(stored):
        folder, _ = Counter(stored.values()).most_common(1)[0]
        raise PipelineError(
            f"Two class folders of {name!r} are called {folder!r}, in different spellings of "
            "Unicode (NFC and another); merge or rename them."
        )
    number = {text: index for index, text in enumerate(classes)}
    labels = np.array([number[stored[folder]] for folder in folders], dtype=np.uint16)
    return Task(name, tuple(classes), labels, tuple(keys), images)
