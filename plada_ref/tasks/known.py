"""The image sets that plada knows by name: where each lies below its root, and its splits.

docs/tasks.md says where the splits come from.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..errors import Misuse
from .idx import load_idx, markers
from .medmnist import SIZES, load_medmnist
from .readers import (
    CUB,
    ELPV_FOLDERS,
    NCT,
    RESISC45,
    divided,
    load_cub,
    load_digits,
    load_elpv,
    load_nct,
    load_resisc45,
)
from .task import ALL, Task
from .torchvision import load_parts, load_torchvision

_TRAIN_TEST = ("train", "test")
_TRAIN_TEST_ALL = ("train", "test", ALL)


@dataclass(frozen=True)
class KnownSet:
    """An image set that has a name.

    Attributes:
        markers: paths below the root, any of which shows that the set is there; empty when it
            needs no root.
        splits: names of its splits.
        load: loads a split; called with the root if the set has markers, with the split, and with
            the keyword `download` if a library can fetch the set.
        fetched_by: the library that can download the set, or None.
    """

    markers: tuple[str, ...]
    splits: tuple[str, ...]
    load: Callable[..., Task]
    fetched_by: str | None = None


def _torchvision(
    dataset: str, marker: str, *, train: tuple[str, ...] = ("train",), test: str = "test"
) -> KnownSet:
    parts = {"train": train, "test": (test,)}

    def load(root: Path, split: str, *, download: bool) -> Task:
        return load_parts(dataset, root, parts[split], download=download)

    return KnownSet((marker,), _TRAIN_TEST, load, "torchvision")


def _medmnist(flag: str) -> KnownSet:
    load = partial(load_medmnist, flag)
    return KnownSet((f"{flag}.npz",), ("train", "val", "test"), load, "medmnist")


def _idx(name: str, dataset: str) -> KnownSet:
    paths = markers(name)

    def load(root: Path, split: str, *, download: bool) -> Task:
        if download and not any((root / marker).exists() for marker in paths):
            load_torchvision(dataset, root, split, download=True)
        return load_idx(name, root, split)

    return KnownSet(paths, _TRAIN_TEST, load, "torchvision")


def _caltech101(root: Path, split: str, *, download: bool) -> Task:
    return divided(load_torchvision("Caltech101", root, ALL, download=download), 0.2, split)


_ELPV = tuple(f"{folder}/labels.csv" for folder in ELPV_FOLDERS)
_MEDMNIST = ("bloodmnist", "dermamnist", "retinamnist")

SETS: dict[str, KnownSet] = {
    "cifar10": _torchvision("CIFAR10", "cifar-10-batches-py"),
    "caltech101": KnownSet(
        ("caltech101/101_ObjectCategories",), _TRAIN_TEST_ALL, _caltech101, "torchvision"
    ),
    "cub200": KnownSet((CUB,), (*_TRAIN_TEST_ALL, "paper-train", "paper-test"), load_cub),
    "dtd": _torchvision("DTD", "dtd/dtd", train=("train", "val")),
    "fgvc-aircraft": _torchvision("FGVCAircraft", "fgvc-aircraft-2013b", train=("trainval",)),
    "food101": _torchvision("Food101", "food-101"),
    "flowers102": _torchvision("Flowers102", "flowers-102", train=("train", "val")),
    "oxford-pets": _torchvision("OxfordIIITPet", "oxford-iiit-pet", train=("trainval",)),
    "places365": _torchvision(
        "Places365", "categories_places365.txt", train=("train-standard",), test="val"
    ),
    "resisc45": KnownSet((RESISC45,), _TRAIN_TEST_ALL, load_resisc45),
    **{flag: _medmnist(flag) for flag in _MEDMNIST},
    "nct-crc-he": KnownSet(tuple(NCT.values()), _TRAIN_TEST, load_nct),
    "stanford-cars": _torchvision("StanfordCars", "stanford_cars/devkit"),
    "mnist": _idx("mnist", "MNIST"),
    "fashion-mnist": _idx("fashion-mnist", "FashionMNIST"),
    "elpv": KnownSet(_ELPV, _TRAIN_TEST_ALL, partial(load_elpv, defect=False)),
    "elpv-defect": KnownSet(_ELPV, _TRAIN_TEST_ALL, partial(load_elpv, defect=True)),
    "digits": KnownSet((), _TRAIN_TEST_ALL, load_digits),
}
"""Sets by name, without MedMNIST's other sizes, such as ``bloodmnist_224``."""

_OTHER_SIZES = {
    f"{flag}_{size}": _medmnist(f"{flag}_{size}") for flag in _MEDMNIST for size in SIZES[1:]
}


def is_known(name: str) -> bool:
    """Whether a set is called `name`."""
    return name in SETS or name in _OTHER_SIZES


def splits_of(name: str) -> tuple[str, ...]:
    """The names of the splits of the set called `name`."""
    return (SETS.get(name) or _OTHER_SIZES[name]).splits


def load_known(name: str, root: Path | None, split: str, *, download: bool = False) -> Task:
    """Load a split of the set called `name`.

    Args:
        root: the folder that holds the set's own folder, or holds a folder called `name` that
            does, or is the set's own folder; None for the folder that $PLADA_DATA names.
        download: let a library fetch the set if it is missing.

    Raises:
        Misuse: if the split does not exist, the root is missing, or the set is not there.
        PipelineError: if the set is damaged.
    """
    known = SETS.get(name) or _OTHER_SIZES[name]
    if split not in known.splits:
        *most, last = known.splits
        raise Misuse(f"{name} has the splits {', '.join(most)} and {last}, not {split!r}.")
    if not known.markers:
        if root is not None:
            raise Misuse(f"{name} is part of a package and has no folder; write {name} alone.")
        task = known.load(split)
    else:
        base = _folder_of(name, known, root or _data_folder(name), download=download)
        options = {"download": download} if known.fetched_by else {}
        task = known.load(base, split, **options)
    return replace(task, name=f"{name} {split}")


def _data_folder(name: str) -> Path:
    data = os.environ.get("PLADA_DATA")
    if not data:
        raise Misuse(
            f"The task {name} needs a folder: write {name}:ROOT, or set PLADA_DATA to the folder "
            "that holds your image sets."
        )
    return Path(data)


def _folder_of(name: str, known: KnownSet, root: Path, *, download: bool) -> Path:
    """Find the folder that `known.markers` are below, or `root` if the set is to be fetched."""
    root = root.expanduser()
    for folder in (root, root / name):
        if any((folder / marker).exists() for marker in known.markers):
            return folder
    resolved = root.resolve()
    for marker in known.markers:  # The root may be the set's own folder.
        if Path(marker).parts[:1] == (resolved.name,) and (resolved.parent / marker).exists():
            return resolved.parent
    if download and known.fetched_by is not None:
        return root
    lacking = f"neither {str(root)!r} nor {str(root / name)!r} holds {known.markers[0]}"
    remedy = "docs/tasks.md shows how it lies on disk"
    if known.fetched_by is not None:
        remedy += f", and --download lets {known.fetched_by} fetch it"
    if not root.is_dir():
        lacking = f"{str(root)!r} is not a folder"
    raise Misuse(f"The task {name} is not there: {lacking}; {remedy}.")
