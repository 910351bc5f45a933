"""Image sets that plada knows by name: where each lies below its root, and how it is divided.

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
    ELPV_PLACES,
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


@dataclass(frozen=True)
class KnownSet:
    """A set by name.

    Attributes:
        markers: paths below the root, any of which shows that the set is there; empty when it
            needs no root.
        splits: what can be asked for.
        load: reads a split: called with the root, if it needs one, the split, and `download`, if
            a library fetches it.
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

    return KnownSet((marker,), ("train", "test"), load, "torchvision")


def _medmnist(flag: str) -> KnownSet:
    load = partial(load_medmnist, flag)
    return KnownSet((f"{flag}.npz",), ("train", "val", "test"), load, "medmnist")


def _idx(name: str, dataset: str) -> KnownSet:
    found_by = markers(name)

    def load(root: Path, split: str, *, download: bool) -> Task:
        if download and not any((root / marker).exists() for marker in found_by):
            load_torchvision(dataset, root, split, download=True)
        return load_idx(name, root, split)

    return KnownSet(found_by, ("train", "test"), load, "torchvision")


def _caltech101(root: Path, split: str, *, download: bool) -> Task:
    return divided(load_torchvision("Caltech101", root, ALL, download=download), 0.2, split)


def _own(load: Callable[..., Task], *found_by: str, splits: tuple[str, ...]) -> KnownSet:
    return KnownSet(found_by, splits, load)


_HALVES = ("train", "test")
_WHOLE = ("train", "test", ALL)
_ELPV = tuple(f"{place}/labels.csv" for place in ELPV_PLACES)
_MEDMNIST = ("bloodmnist", "dermamnist", "retinamnist")

SETS: dict[str, KnownSet] = {
    "cifar10": _torchvision("CIFAR10", "cifar-10-batches-py"),
    "caltech101": KnownSet(
        ("caltech101/101_ObjectCategories",), _WHOLE, _caltech101, "torchvision"
    ),
    "cub200": _own(load_cub, CUB, splits=(*_WHOLE, "paper-train", "paper-test")),
    "dtd": _torchvision("DTD", "dtd/dtd", train=("train", "val")),
    "fgvc-aircraft": _torchvision("FGVCAircraft", "fgvc-aircraft-2013b", train=("trainval",)),
    "food101": _torchvision("Food101", "food-101"),
    "flowers102": _torchvision("Flowers102", "flowers-102", train=("train", "val")),
    "oxford-pets": _torchvision("OxfordIIITPet", "oxford-iiit-pet", train=("trainval",)),
    "places365": _torchvision(
        "Places365", "categories_places365.txt", train=("train-standard",), test="val"
    ),
    "resisc45": _own(load_resisc45, RESISC45, splits=_WHOLE),
    **{flag: _medmnist(flag) for flag in _MEDMNIST},
    "nct-crc-he": _own(load_nct, *NCT.values(), splits=_HALVES),
    "stanford-cars": _torchvision("StanfordCars", "stanford_cars/devkit"),
    "mnist": _idx("mnist", "MNIST"),
    "fashion-mnist": _idx("fashion-mnist", "FashionMNIST"),
    "elpv": _own(partial(load_elpv, defect=False), *_ELPV, splits=_WHOLE),
    "elpv-defect": _own(partial(load_elpv, defect=True), *_ELPV, splits=_WHOLE),
    "digits": _own(load_digits, splits=_WHOLE),
}
"""Sets by name. MedMNIST's other sizes, such as ``bloodmnist_224``, are known beside them."""

_SIZED = {f"{flag}_{size}": _medmnist(f"{flag}_{size}") for flag in _MEDMNIST for size in SIZES[1:]}


def is_known(name: str) -> bool:
    """Whether `name` is that of a set."""
    return name in SETS or name in _SIZED


def splits_of(name: str) -> tuple[str, ...]:
    """What can be asked for of the set called `name`."""
    return (SETS.get(name) or _SIZED[name]).splits


def load(name: str, root: Path | None, split: str, *, download: bool = False) -> Task:
    """A split of the set called `name`.

    Args:
        root: the folder that holds the set's own folder, or holds a folder called `name` that
            does, or is the set's own folder; None for what $PLADA_DATA says.

    Raises:
        Misuse: if the split does not exist, the root is missing, or the set is not there.
        PipelineError: if the set is damaged.
    """
    known = SETS.get(name) or _SIZED[name]
    if split not in known.splits:
        *most, last = known.splits
        raise Misuse(f"{name} has the splits {', '.join(most)} and {last}, not {split!r}.")
    if not known.markers:
        if root is not None:
            raise Misuse(f"{name} is part of a package and has no folder; write {name} alone.")
        task = known.load(split)
    else:
        home = _home(name, known, root or _data(name), download=download)
        more = {"download": download} if known.fetched_by else {}
        task = known.load(home, split, **more)
    return replace(task, name=f"{name} {split}")


def _data(name: str) -> Path:
    data = os.environ.get("PLADA_DATA")
    if not data:
        raise Misuse(
            f"The task {name} needs a folder: write {name}:ROOT, or set PLADA_DATA to the folder "
            "that holds your image sets."
        )
    return Path(data)


def _home(name: str, known: KnownSet, root: Path, *, download: bool) -> Path:
    """The folder below which `known.markers` are; the given root if the set is to be fetched."""
    root = root.expanduser()
    for place in (root, root / name):
        if any((place / marker).exists() for marker in known.markers):
            return place
    whole = root.resolve()
    for marker in known.markers:
        if Path(marker).parts[:1] == (whole.name,) and (whole.parent / marker).exists():
            return whole.parent
    if download and known.fetched_by is not None:
        return root
    lacking = f"neither {str(root)!r} nor {str(root / name)!r} holds {known.markers[0]}"
    help_ = "docs/tasks.md shows how it lies on disk"
    if known.fetched_by is not None:
        help_ += f", and --download lets {known.fetched_by} fetch it"
    if not root.is_dir():
        lacking = f"{str(root)!r} is no folder"
    raise Misuse(f"The task {name} is not there: {lacking}; {help_}.")
