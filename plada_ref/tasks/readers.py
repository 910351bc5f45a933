"""Read the sets that plada divides or no library reads: digits, CUB-200, RESISC45, NCT, ELPV."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pladafmt.files import read_at_most

from ..errors import PipelineError
from ..images import ImageArrays
from ..pool.keys import clean_key
from .files import StoredImages, load_class_folders
from .listing import Location
from .task import ALL, Task, hold_out

CUB = "CUB_200_2011"
_MOST_TABLE = 16 << 20
"""Bytes of a table of images and labels."""

RESISC45 = "NWPU-RESISC45"
NCT = {"train": "NCT-CRC-HE-100K", "test": "CRC-VAL-HE-7K"}
ELPV_FOLDERS = ("elpv_dataset/data", "src/elpv_dataset/data", "data", ".")
"""Where the package elpv_dataset keeps labels.csv: installed, in its sources, inside it."""

ELPV_TYPES = ("mono", "poly")
ELPV_DEFECT = ("functional", "defective")


def divided(whole: Task, fraction: float, split: str) -> Task:
    """Take a split of an undivided set; ``test`` is `fraction` of every class, chosen by hash."""
    if split == ALL:
        return whole
    train, test = hold_out(whole, fraction)
    return train if split == "train" else test


def load_digits(split: str) -> Task:
    """Load scikit-learn's 8 px digits; ``test`` is a fifth of every class, chosen by hash."""
    from sklearn.datasets import load_digits as load

    stored = load()
    # 17 levels, 0 to 16, become 0 to 255.
    pixels = np.rint(stored.images * (255 / 16)).astype(np.uint8)
    whole = Task(
        "digits",
        tuple(str(digit) for digit in range(10)),
        stored.target.astype(np.uint16),
        tuple(f"{row:04d}" for row in range(len(pixels))),
        ImageArrays(pixels),
    )
    return divided(whole, 0.2, split)


def load_cub(root: Path, split: str) -> Task:
    """Load CUB-200-2011 from the images and text tables in ``CUB_200_2011``.

    ``train`` and ``test`` are those of its train_test_split.txt. ``paper-train`` and
    ``paper-test`` ignore it: a fifth of every class is test, chosen by hash.

    Raises:
        PipelineError: if a table is missing or contradicts another.
    """
    folder = root / CUB
    paths = _table(folder / "images.txt")
    labels = _table(folder / "image_class_labels.txt")
    is_train = _table(folder / "train_test_split.txt")
    names = _table(folder / "classes.txt")
    try:
        # "001.Black_footed_Albatross": the number is the label, and every byte is paid for.
        classes = [name.partition(".")[2].replace("_", " ") for name in names.values()]
        number = {class_id: index for index, class_id in enumerate(names)}
        image_labels = np.array([number[labels[image]] for image in paths], dtype=np.uint16)
        train = np.array([is_train[image] == "1" for image in paths])
    except KeyError as exc:
        raise PipelineError(
            f"The tables in {str(folder)!r} do not fit together: {exc} is in one of them only; "
            "fetch the set again."
        ) from exc
    images = _listed(folder / "images", list(paths.values()), folder / "images.txt")
    whole = Task("cub200", tuple(classes), image_labels, tuple(paths.values()), images)
    if split in ("train", "test"):
        return whole.rows(np.flatnonzero(train == (split == "train")), whole.name)
    return divided(whole, 0.2, split.removeprefix("paper-"))


def load_resisc45(root: Path, split: str) -> Task:
    """Load NWPU-RESISC45 from its class folders of 700 images; a fifth of every class is test.

    Raises:
        PipelineError: if there are no images, or one lies outside a class folder.
    """
    return divided(_of_class_folders(root / RESISC45), 0.2, split)


def load_nct(root: Path, split: str) -> Task:
    """Load NCT-CRC-HE from its class folders: 100,000 images, and 7,180 of other patients as test.

    Raises:
        PipelineError: if there are no images, or one lies outside a class folder.
    """
    return _of_class_folders(root / NCT[split])


def load_elpv(root: Path, split: str, *, defect: bool) -> Task:
    """Load the solar cells of ELPV, classed by type of cell or by defect.

    A cell is ``defective`` from a probability of 0.5 on. ``test`` is 30 % of every type with and
    without defect, chosen by hash, the same cells for both tasks.

    Raises:
        PipelineError: if labels.csv is not as the package has it.
    """
    folder = next(
        root / folder for folder in ELPV_FOLDERS if (root / folder / "labels.csv").is_file()
    )
    keys, strata = [], []
    for line, text in enumerate(_lines(folder / "labels.csv"), 1):
        try:
            key, probability, kind = text.split()
            strata.append(2 * ELPV_TYPES.index(kind) + (float(probability) >= 0.5))
        except ValueError as exc:
            raise PipelineError(
                f"Line {line} of {str(folder / 'labels.csv')!r} is not a path, a probability and "
                "mono or poly; fetch the set again."
            ) from exc
        keys.append(key)
    both = Task(
        "elpv",
        tuple(f"{kind} {state}" for kind in ELPV_TYPES for state in ELPV_DEFECT),
        np.array(strata, dtype=np.uint16),
        tuple(keys),
        _listed(folder, keys, folder / "labels.csv"),
    )
    part = divided(both, 0.3, split)
    classes, labels = (ELPV_DEFECT, part.labels % 2) if defect else (ELPV_TYPES, part.labels // 2)
    return replace(part, classes=classes, labels=labels)


def _listed(folder: Path, paths: list[str], table: Path) -> StoredImages:
    """Return the images that a table lists by their paths below a folder.

    Raises:
        PipelineError: if a path leads out of the folder, or there is no file.
    """
    for path in paths:
        # A table from a stranger could make any image of this machine one of the set.
        if clean_key(path) != path:
            raise PipelineError(
                f"{str(table)!r} lists the image {path!r}, which is not a path below "
                f"{str(folder)!r}; fetch the set again."
            )
    missing = [path for path in paths if not (folder / path).is_file()]
    if missing:
        raise PipelineError(
            f"{str(table)!r} lists {len(missing):,} images that are not there, such as "
            f"{missing[0]!r}; fetch the set again."
        )
    return StoredImages([Location(str(folder / path)) for path in paths])


def _of_class_folders(folder: Path) -> Task:
    return load_class_folders(str(folder), str(folder))


def _table(path: Path) -> dict[str, str]:
    """Read lines of a number and a text, as the tables of CUB have them."""
    rows: dict[str, str] = {}
    for line in _lines(path):
        number, _, text = line.partition(" ")
        rows[number] = text
    return rows


def _lines(path: Path) -> list[str]:
    try:
        return read_at_most(path, _MOST_TABLE).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise PipelineError(f"{str(path)!r} cannot be read ({exc}); fetch the set again.") from exc
