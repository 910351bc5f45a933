"""Load the classification sets of torchvision, each from its own layout on disk."""

from __future__ import annotations

import bisect
import inspect
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import Misuse, PipelineError
from ..images import ImageSet
from ..optional import need
from .library import first_line, library_task
from .task import Task

_LABELS = ("targets", "labels", "_labels", "y")
"""Attributes in which torchvision's dataset classes keep their labels."""


def load_torchvision(name: str, root: Path, split: str, *, download: bool = False) -> Task:
    """Load a classification set of torchvision, through torchvision's own class.

    Args:
        split: as torchvision calls it, such as ``trainval`` for OxfordIIITPet.

    Raises:
        Misuse: if torchvision has no such set or the set has no such split.
        PipelineError: if the set is missing or damaged.
    """
    need("torchvision", for_=f"the task torchvision:{name}")
    from torchvision import datasets

    factory: Any = getattr(datasets, name, None)
    if name not in datasets.__all__:
        near = [other for other in datasets.__all__ if other.lower() == name.lower()]
        hint = f"; its name is {near[0]}" if near else ""
        raise Misuse(f"torchvision has no dataset {name!r}{hint}.")
    options = _options(name, factory, root, split, download)
    try:
        dataset = factory(str(root), **options)
    except ValueError as exc:
        raise Misuse(f"torchvision's {name} cannot be loaded with split {split!r}: {exc}") from exc
    except (RuntimeError, OSError, EOFError, KeyError, ImportError) as exc:
        raise PipelineError(
            f"torchvision's {name} cannot be loaded from {str(root)!r} ({first_line(exc)}); put "
            "it there, or let torchvision fetch it with --download."
        ) from exc
    if not Path(getattr(dataset, "images_dir", root)).is_dir():  # Places365 does not check.
        raise PipelineError(
            f"torchvision's {name} lacks the folder {str(dataset.images_dir)!r}; put it there, or "
            "let torchvision fetch it with --download."
        )
    full = f"torchvision:{name} {split}"
    labels = _labels(dataset, full)
    return library_task(full, dataset, labels, _class_names(dataset, labels), _keys(dataset))


def load_parts(name: str, root: Path, parts: Sequence[str], *, download: bool = False) -> Task:
    """Load several of torchvision's splits as one: the images of `parts`, part after part.

    Raises:
        Misuse, PipelineError: as `load_torchvision` does.
    """
    tasks = [load_torchvision(name, root, part, download=download) for part in parts]
    if len(tasks) == 1:
        return tasks[0]
    if len({task.classes for task in tasks}) != 1:
        raise PipelineError(
            f"The parts {', '.join(parts)} of torchvision's {name} in {str(root)!r} have different "
            "classes; fetch the set again."
        )
    return Task(
        f"torchvision:{name} {'+'.join(parts)}",
        tasks[0].classes,
        np.concatenate([task.labels for task in tasks]),
        tuple(
            f"{part}/{key}" for part, task in zip(parts, tasks, strict=True) for key in task.keys
        ),
        _Concatenated([task.images for task in tasks]),
    )


class _Concatenated:
    """The images of several sets, one set after the other."""

    def __init__(self, sets: Sequence[ImageSet]) -> None:
        self.sets = sets
        self.ends = list(accumulate(len(images) for images in sets))

    def __len__(self) -> int:
        return self.ends[-1]

    def open_image(self, position: int, /) -> Image.Image:
        number = bisect.bisect_right(self.ends, position)
        return self.sets[number].open_image(position - ([0, *self.ends])[number])


def _options(name: str, factory: Any, root: Path, split: str, download: bool) -> dict[str, Any]:
    known = inspect.signature(factory).parameters
    if name == "EMNIST":  # Its "split" is a choice of classes; the rest goes on to MNIST.
        return {"split": "balanced", "train": split == "train", "download": download}
    options: dict[str, Any] = {}
    if "train" in known:
        if split not in ("train", "test"):
            raise Misuse(f"torchvision's {name} has the splits train and test, not {split!r}.")
        options["train"] = split == "train"
    elif "split" in known:
        options["split"] = split
    elif split not in ("train", "all"):
        raise Misuse(f"torchvision's {name} is not divided, so it has no split {split!r}.")
    if name == "Places365":  # Its images come in two sizes, each in its own folder.
        small = {"val": "val_256", "test": "test_256"}.get(split, "data_256_standard")
        options["small"] = (root / small).is_dir()
    if "download" in known:
        options["download"] = download
    return options


def _labels(dataset: Any, name: str) -> Any:
    for attribute in _LABELS:
        stored = getattr(dataset, attribute, None)
        if stored is not None and len(stored) == len(dataset):
            break
    else:
        samples = getattr(dataset, "_samples", None)
        if samples is not None and len(samples) == len(dataset):
            stored = [label for _, label in samples]
        else:  # Labels are known only item by item, which decodes every image.
            stored = [dataset[row][1] for row in range(len(dataset))]
    labels = np.asarray(stored)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise Misuse(
            f"{name!r} does not give each image one class; it is not a classification set."
        )
    return labels


def _class_names(dataset: Any, labels: Any) -> list[str]:
    names = getattr(dataset, "classes", None) or getattr(dataset, "categories", None)
    if names is None:
        return [str(number) for number in range(int(labels.max()) + 1)]
    index = getattr(dataset, "class_to_idx", None) or {}
    if sorted(index.values()) == list(range(len(names))):  # Places365's list is in another order.
        return sorted(index, key=lambda name: int(index[name]))
    # ImageNet's classes are tuples of synonyms.
    return [", ".join(name) if isinstance(name, tuple) else str(name) for name in names]


def _keys(dataset: Any) -> list[str] | None:
    """Make keys of class and number for the Caltech sets, which are undivided."""
    if not hasattr(dataset, "categories"):
        return None
    return [
        f"{dataset.categories[label]}/image_{number:04d}.jpg"
        for label, number in zip(dataset.y, dataset.index, strict=True)
    ]
