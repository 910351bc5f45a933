"""Tasks: labelled images, what they are called, and how they are divided."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
        name: for people: the spec and the split.
        classes: class names in label order, NFC.
        labels: class numbers, shape (n,).
        keys: a name of each image that is the same on every machine.
        images: the n images.
    """

    name: str
    classes: tuple[str, ...]
    labels: npt.NDArray[np.uint16]
    keys: tuple[str, ...]
    images: ImageSet

    def __post_init__(self) -> None:
        problem = complaint(self.classes, what="class name", may_be_empty=False)
        if problem is not None:
            raise PipelineError(f"The task {self.name!r} cannot be used: {problem[1]}")
        if not len(self.labels) == len(self.keys) == len(self.images):
            raise ValueError("labels, keys and images differ in number")
        if len(self.labels) == 0:
            raise PipelineError(f"The task {self.name!r} holds no image.")
        if int(self.labels.max()) >= len(self.classes):
            raise ValueError("a label lies beyond the classes")

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: npt.NDArray[np.int64], name: str) -> Task:
        """Some of the images, as a task called `name`."""
        keys = tuple(self.keys[row] for row in rows)
        return Task(name, self.classes, self.labels[rows], keys, ImageRows(self.images, rows))


def load_task(spec: str, split: str = "train", *, download: bool = False) -> Task:
    """The labelled images that `spec` names.

    ============================ ===================================================================
    ``NAME:ROOT``                a set that plada knows by name, such as ``cifar10``, on its own
                                 layout in the folder ROOT; docs/tasks.md lists names and splits
    ``NAME``                     the same in the folder that $PLADA_DATA names; ``digits``
                                 (scikit-learn's) needs none
    ``DIR``                      class folders ``DIR/SPLIT/CLASS/image``, or shards
                                 ``DIR/SPLIT.tar`` or ``DIR/SPLIT-*.tar`` with members
                                 ``CLASS/image``; undivided ``DIR/CLASS/image`` is the split
                                 ``train`` or ``all``
    ``FILE.tar``                 one shard, undivided
    ``torchvision:NAME:ROOT``    any classification set of torchvision, such as SVHN, on its own
                                 layout below ROOT, with torchvision's own splits
    ``medmnist:FLAG:ROOT``       a set of the package medmnist, such as ``pathmnist`` (28 px) or
                                 ``pathmnist_224``
    ``sklearn:digits``           ``digits``
    ============================ ===================================================================

    A word that is both a NAME and a DIR is the DIR when $PLADA_DATA is not set, else the NAME.

    Args:
        split: ``train``, ``test`` and so on, as the data is divided; ``val`` where there is one.
        download: let torchvision or medmnist fetch what is missing.

    Raises:
        Misuse: if the spec or the split does not exist.
        PipelineError: if the data is damaged.
    """
    from . import known as task_sets

    kind, _, rest = spec.partition(":")
    if kind in ("torchvision", "medmnist"):
        name, _, root = rest.partition(":")
        if not name or not root:
            raise Misuse(f"{spec!r} lacks a part: write {kind}:NAME:ROOT, such as {_EXAMPLE[kind]}")
        if kind == "torchvision":
            from .torchvision import load_torchvision

            return load_torchvision(name, Path(root), split, download=download)
        from .medmnist import load_medmnist

        return load_medmnist(name, Path(root), split, download=download)
    if kind == "sklearn":
        if rest != "digits":
            raise Misuse(f"There is no task sklearn:{rest}; scikit-learn's set is sklearn:digits.")
        return task_sets.load("digits", None, split, download=download)
    beside = os.path.exists(spec) and not os.environ.get("PLADA_DATA")
    if task_sets.is_known(kind) and not beside:
        return task_sets.load(kind, Path(rest) if rest else None, split, download=download)
    from .files import load_files

    return load_files(spec, split)


def hold_out(task: Task, fraction: float, *, seed: int = 0) -> tuple[Task, Task]:
    """Split a task in two: (the rest, the held-out part).

    Of every class the same fraction is held out, chosen by a hash of key and seed: the same images
    on any machine, whatever order they are listed in.

    Args:
        fraction: above 0 and below 1; of a class of n images, round(fraction * n) are held out.

    Raises:
        Misuse: if either part would be empty.
    """
    if not 0 < fraction < 1:
        raise Misuse(f"The held-out fraction lies between 0 and 1, not {fraction}.")
    ranks = [hashlib.sha256(f"plada-split {seed}\0{key}".encode()).digest() for key in task.keys]
    held = np.zeros(len(task), dtype=bool)
    for label in range(len(task.classes)):
        of_class = sorted(np.flatnonzero(task.labels == label), key=lambda row: ranks[row])
        held[of_class[: round(fraction * len(of_class))]] = True
    if held.all() or not held.any():
        raise Misuse(
            f"Holding out {fraction:g} of {task.name!r} ({len(task)} images) leaves one part "
            "empty; choose another fraction."
        )
    percent = f"{100 * fraction:g} %"
    return (
        task.rows(np.flatnonzero(~held), f"{task.name} less {percent}"),
        task.rows(np.flatnonzero(held), f"{percent} of {task.name}"),
    )


def from_names(name: str, keys: Sequence[str], folders: Sequence[str], images: ImageSet) -> Task:
    """The task of images whose class is the name of a folder.

    Names become NFC, since file systems store the same name in different ways; classes are in
    bytewise order of the UTF-8 name.

    Raises:
        PipelineError: if two folders are the same class.
    """
    stored = {folder: unicodedata.normalize("NFC", folder) for folder in folders}
    classes = sorted(set(stored.values()), key=lambda text: text.encode("utf-8", "surrogatepass"))
    if len(classes) < len(stored):
        raise PipelineError(
            f"Two class folders of {name!r} have the same name in Unicode's normal form NFC; "
            "merge or rename them."
        )
    number = {text: index for index, text in enumerate(classes)}
    labels = np.array([number[stored[folder]] for folder in folders], dtype=np.uint16)
    return Task(name, tuple(classes), labels, tuple(keys), images)


_EXAMPLE = {
    "torchvision": "torchvision:CIFAR10:data",
    "medmnist": "medmnist:bloodmnist:data",
}
