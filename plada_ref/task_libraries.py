"""Tasks that torchvision and medmnist load from their own layouts on disk."""

from __future__ import annotations

import inspect
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .errors import Misuse, PipelineError
from .extras import need
from .task import Task

_LABELS = ("targets", "labels", "_labels", "y")
"""Where torchvision's classes keep their labels, by class."""


class LibraryImages:
    """The images of a dataset whose items are (PIL image, label)."""

    def __init__(self, dataset: Any, name: str) -> None:
        self.dataset = dataset
        self.name = name

    def __len__(self) -> int:
        return len(self.dataset)

    def open_image(self, position: int, /) -> Image.Image:
        """The image of an item.

        Raises:
            PipelineError: if the library cannot read it.
        """
        try:
            image = self.dataset[position][0]
        except Exception as exc:  # Decoders raise nearly anything on odd bytes.
            raise PipelineError(
                f"Image {position} of {self.name!r} cannot be read ({exc}); fetch the set again."
            ) from exc
        return image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))


def load_torchvision(name: str, root: Path, split: str, *, download: bool) -> Task:
    """A classification set of torchvision, through torchvision's own class.

    Raises:
        Misuse: if torchvision has no such set or the set has no such split.
        PipelineError: if it is not there or damaged.
    """
    need("torchvision", for_=f"the task torchvision:{name}")
    from torchvision import datasets

    factory: Any = getattr(datasets, name, None)
    if name not in datasets.__all__:
        near = [other for other in datasets.__all__ if other.lower() == name.lower()]
        hint = f"; do you mean {near[0]}?" if near else ""
        raise Misuse(f"torchvision has no dataset {name!r}{hint}")
    known = inspect.signature(factory).parameters
    options: dict[str, Any] = {}
    if "train" in known:
        if split not in ("train", "test"):
            raise Misuse(f"torchvision's {name} has the splits train and test, not {split!r}.")
        options["train"] = split == "train"
    elif "split" in known:
        options["split"] = split
    elif split not in ("train", "all"):
        raise Misuse(f"torchvision's {name} is not divided, so it has no split {split!r}.")
    if "download" in known:
        options["download"] = download
    if name == "EMNIST":  # Its "split" is a choice of classes; the rest goes on to MNIST.
        options = {"split": "balanced", "train": split == "train", "download": download}
    try:
        dataset = factory(str(root), **options)
    except ValueError as exc:
        raise Misuse(f"torchvision's {name} cannot be loaded with split {split!r}: {exc}") from exc
    except (RuntimeError, OSError, EOFError, KeyError, ImportError) as exc:
        raise PipelineError(
            f"torchvision's {name} cannot be loaded from {str(root)!r} ({_first_line(exc)}); put "
            "it there, or let torchvision fetch it with --download."
        ) from exc
    full = f"torchvision:{name} {split}"
    labels = _labels(dataset, full)
    return _task(full, dataset, labels, _class_names(dataset, labels))


def load_medmnist(flag: str, root: Path, split: str, *, download: bool) -> Task:
    """A single-label set of MedMNIST.

    Raises:
        Misuse: if medmnist has no such set, or it is no single-label classification.
        PipelineError: if it is not there or damaged.
    """
    need("medmnist", extra="medmnist", for_=f"the task medmnist:{flag}")
    import medmnist

    about = medmnist.INFO.get(flag.lower())
    if about is None:
        raise Misuse(f"medmnist has no set {flag!r}; there are {', '.join(sorted(medmnist.INFO))}.")
    if about["task"] not in ("multi-class", "binary-class", "ordinal-regression"):
        raise Misuse(f"medmnist's {flag} gives an image several labels; plada needs one each.")
    if "3d" in flag.lower():
        raise Misuse(f"medmnist's {flag} holds volumes, not images.")
    try:
        dataset = getattr(medmnist, about["python_class"])(
            split=split, root=str(root), download=download
        )
    except (AssertionError, ValueError) as exc:
        raise Misuse(f"medmnist's {flag} has the splits train, val, test: {exc}") from exc
    except (RuntimeError, OSError, KeyError) as exc:
        raise PipelineError(
            f"medmnist's {flag} cannot be loaded from {str(root)!r} ({_first_line(exc)}); put it "
            "there, or let medmnist fetch it with --download."
        ) from exc
    labels = np.asarray(dataset.labels).reshape(-1)
    names = [about["label"][str(number)] for number in range(len(about["label"]))]
    return _task(f"medmnist:{flag} {split}", dataset, labels, names)


def _labels(dataset: Any, name: str) -> Any:
    for attribute in _LABELS:
        stored = getattr(dataset, attribute, None)
        if stored is not None and len(stored) == len(dataset):
            break
    else:  # Labels are known only item by item, which decodes every image.
        stored = [dataset[row][1] for row in range(len(dataset))]
    labels = np.asarray(stored)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise Misuse(f"{name!r} does not give each image one class; it is no classification set.")
    return labels


def _class_names(dataset: Any, labels: Any) -> list[str]:
    names = getattr(dataset, "classes", None)
    if names is None:
        return [str(number) for number in range(int(labels.max()) + 1)]
    # ImageNet's classes are tuples of synonyms.
    return [", ".join(name) if isinstance(name, tuple) else str(name) for name in names]


def _task(name: str, dataset: Any, labels: Any, names: list[str]) -> Task:
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(names):
        raise PipelineError(f"{name!r} has labels beyond its {len(names)} classes.")
    return Task(
        name,
        tuple(unicodedata.normalize("NFC", text) for text in names),
        labels.astype(np.uint16),
        tuple(f"{row:08d}" for row in range(len(labels))),
        LibraryImages(dataset, name),
    )


def _first_line(exc: BaseException) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0]
