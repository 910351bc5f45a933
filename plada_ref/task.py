"""Tasks: labelled images from class folders, tar shards, torchvision, medmnist, scikit-learn."""

from __future__ import annotations

import hashlib
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pladafmt.names import complaint

from .errors import Misuse, PipelineError
from .images import ImageArrays, ImageRows, ImageSet

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
    ``DIR``                      class folders ``DIR/SPLIT/CLASS/image``, or shards
                                 ``DIR/SPLIT.tar`` or ``DIR/SPLIT-*.tar`` with members
                                 ``CLASS/image``; undivided ``DIR/CLASS/image`` is the split
                                 ``train`` or ``all``
    ``FILE.tar``                 one shard, undivided
    ``torchvision:NAME:ROOT``    a classification set of torchvision, such as CIFAR10, on its own
                                 layout below ROOT
    ``medmnist:FLAG:ROOT``       a set of the package medmnist, such as ``bloodmnist``
    ``sklearn:digits``           scikit-learn's 8 px digits; the split ``test`` is every fifth of
                                 each class, chosen by hash
    ============================ ===================================================================

    Args:
        split: ``train``, ``test`` and so on, as the data is divided; ``val`` where there is one.
        download: let torchvision or medmnist fetch what is missing.

    Raises:
        Misuse: if the spec or the split does not exist.
        PipelineError: if the data is damaged.
    """
    kind, _, rest = spec.partition(":")
    if kind in ("torchvision", "medmnist"):
        from . import task_libraries

        name, _, root = rest.partition(":")
        if not name or not root:
            raise Misuse(f"{spec!r} lacks a part: write {kind}:NAME:ROOT, such as {_EXAMPLE[kind]}")
        load = getattr(task_libraries, f"load_{kind}")
        task: Task = load(name, Path(root), split, download=download)
        return task
    if kind == "sklearn":
        return _digits(rest, split)
    return _from_disk(spec, split)


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


class StoredImages:
    """Images in files and in members of tar shards: (url, byte offset, byte size) each.

    An offset of None stands for the whole file.
    """

    def __init__(self, places: Sequence[tuple[str, int | None, int]]) -> None:
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def open_image(self, position: int, /) -> Image.Image:
        """The decoded image, in its own mode.

        Raises:
            PipelineError: if the bytes do not decode.
        """
        from .pool.location import filesystem

        url, offset, size = self.places[position]
        fs, path = filesystem(url)
        if offset is None:
            data = fs.cat_file(path)
        else:
            data = fs.cat_file(path, start=offset, end=offset + size)
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                return image.copy()
        except Exception as exc:  # Pillow's decoders raise nearly anything on odd bytes.
            where = url if offset is None else f"{url} at byte {offset}"
            raise PipelineError(
                f"The task image {where!r} cannot be decoded ({exc}); restore or remove it."
            ) from exc


_EXAMPLE = {
    "torchvision": "torchvision:CIFAR10:data",
    "medmnist": "medmnist:bloodmnist:data",
}


def _from_disk(spec: str, split: str) -> Task:
    from .pool.location import filesystem

    name = f"{spec} {split}"
    fs, path = filesystem(spec)
    if path.lower().endswith(".tar") and fs.isfile(path):
        return _undivided(spec, split, _of_shards(name, [spec]))
    if not fs.isdir(path):
        raise Misuse(
            f"There is no task at {spec!r}: give a directory with class folders or with "
            "SPLIT.tar files, a .tar file, torchvision:NAME:ROOT, medmnist:FLAG:ROOT or "
            "sklearn:digits."
        )
    entries = fs.ls(path, detail=True)
    listed = {entry["name"].rstrip("/").rsplit("/", 1)[-1]: entry for entry in entries}
    if listed.get(split, {}).get("type") == "directory":
        return _of_folders(name, f"{spec.rstrip('/')}/{split}")
    shards = sorted(
        entry for entry in listed if entry == f"{split}.tar" or fnmatch(entry, f"{split}-*.tar")
    )
    if shards:
        return _of_shards(name, [f"{spec.rstrip('/')}/{shard}" for shard in shards])
    divided = any(entry in ("train", "test", "val") or fnmatch(entry, "*.tar") for entry in listed)
    if divided:
        there = ", ".join(sorted(listed)[:8])
        raise Misuse(f"The task {spec!r} has no split {split!r}; there are {there}.")
    return _undivided(spec, split, _of_folders(name, spec))


def _undivided(spec: str, split: str, task: Task) -> Task:
    # Evaluating on the images one has trained on must not happen by a default.
    if split not in ("train", ALL):
        raise Misuse(
            f"The task {spec!r} is not divided into splits, so it has no {split!r}; to use all of "
            f"its images, say --split {ALL}."
        )
    return task


def _of_folders(name: str, url: str) -> Task:
    from .pool.keys import reason_to_skip
    from .pool.location import filesystem

    fs, base = filesystem(url)
    found: list[tuple[str, str]] = []
    for path in fs.find(base):
        key = path[len(base) :].lstrip("/")
        if reason_to_skip(key) is None:
            found.append((key, path))
    found.sort(key=lambda entry: entry[0].encode())
    prefix = "" if "://" not in url else url.split("://", 1)[0] + "://"
    places = [(prefix + path, None, 0) for _, path in found]
    return _by_folder(name, [key for key, _ in found], StoredImages(places))


def _of_shards(name: str, urls: list[str]) -> Task:
    from .pool.tar import locate

    members = sorted(
        ((member, url) for url in urls for member in locate(url)),
        key=lambda entry: entry[0].key.encode(),
    )
    places = [(url, member.offset, member.size) for member, url in members]
    return _by_folder(name, [member.key for member, _ in members], StoredImages(places))


def _by_folder(name: str, keys: list[str], images: ImageSet) -> Task:
    for key in keys:
        if "/" not in key:
            raise PipelineError(
                f"The task {name!r} holds the image {key!r} outside any class folder; images lie "
                "in CLASS/image."
            )
    for one, other in pairwise(keys):
        if one == other:
            raise PipelineError(f"The task {name!r} holds the image {one!r} twice.")
    if not keys:
        raise PipelineError(f"The task {name!r} holds no image; images lie in CLASS/image.")
    return from_names(name, keys, [key.split("/", 1)[0] for key in keys], images)


def _digits(which: str, split: str) -> Task:
    if which != "digits":
        raise Misuse(f"There is no task sklearn:{which}; scikit-learn's set is sklearn:digits.")
    from sklearn.datasets import load_digits

    stored = load_digits()
    # 17 levels, 0 to 16, become 0 to 255.
    pixels = np.rint(stored.images * (255 / 16)).astype(np.uint8)
    task = Task(
        "sklearn:digits",
        tuple(str(digit) for digit in range(10)),
        stored.target.astype(np.uint16),
        tuple(f"{row:04d}" for row in range(len(pixels))),
        ImageArrays(pixels),
    )
    if split == ALL:
        return task
    train, test = hold_out(task, 0.2)
    if split not in ("train", "test"):
        raise Misuse(f"sklearn:digits has the splits train, test and all, not {split!r}.")
    chosen = train if split == "train" else test
    return chosen.rows(np.arange(len(chosen)), f"sklearn:digits {split}")
