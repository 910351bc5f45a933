"""Tasks from every kind of place, each in its true layout on disk."""

from __future__ import annotations

import hashlib
import pickle
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from plada_ref.errors import Misuse, PipelineError
from plada_ref.images import ImageArrays
from plada_ref.tasks.load import load_task
from plada_ref.tasks.task import Task, hold_out

from .conftest import png, write_tar

RNG = np.random.default_rng(0)


def _members(split: str) -> dict[str, bytes]:
    """Two images in each of three classes; their colours say which class."""
    names = ["b", "Zoë", "a"]
    number = {"train": 0, "test": 100}[split]
    return {
        f"{name}/{i}.png": png(Image.new("RGB", (4, 4), (60 * c, number, i)))
        for c, name in enumerate(names)
        for i in range(2)
    }


def _colours(task: Task) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (task.classes[label], task.images.open_image(row).getpixel((0, 0)))  # type: ignore[misc]
        for row, label in enumerate(task.labels)
    ]


EXPECTED_TEST = [
    ("Zoë", (60, 100, 0)),
    ("Zoë", (60, 100, 1)),
    ("a", (120, 100, 0)),
    ("a", (120, 100, 1)),
    ("b", (0, 100, 0)),
    ("b", (0, 100, 1)),
]


def test_class_folders_and_shards_are_the_same_task(tmp_path: Path) -> None:
    folders, shards, many = tmp_path / "folders", tmp_path / "shards", tmp_path / "many"
    for root in (shards, many):
        root.mkdir()
    for split in ("train", "test"):
        members = _members(split)
        for name, data in members.items():
            # Some file systems store names decomposed.
            path = folders / split / unicodedata.normalize("NFD", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        write_tar(shards / f"{split}.tar", members)
        for part in range(2):
            some = dict(list(members.items())[part::2])
            write_tar(many / f"{split}-{part:03d}.tar", some)
    for root in (folders, shards, many):
        task = load_task(str(root), "test")
        assert task.classes == ("Zoë", "a", "b")
        assert _colours(task) == EXPECTED_TEST
        with pytest.raises(Misuse, match="no split 'val'"):
            load_task(str(root), "val")


def test_undivided_data_is_not_taken_for_test_data(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "test.tar", _members("test"))
    for name, data in _members("test").items():
        (tmp_path / "plain" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plain" / name).write_bytes(data)
    for spec in (str(shard), str(tmp_path / "plain")):
        assert _colours(load_task(spec, "all")) == EXPECTED_TEST
        with pytest.raises(Misuse, match="--split all"):
            load_task(spec, "test")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"loose.png": b""}, "outside any class folder"),
        ({"readme.txt": b""}, "holds no image"),
        ({"\u00e9/1.png": b"", "e\u0301/2.png": b""}, "are called '\u00e9'.*NFC"),
        ({"a\u202eb/1.png": b""}, "U\\+202E"),
    ],
)
def test_unusable_shards_are_refused(tmp_path: Path, members: dict[str, bytes], words: str) -> None:
    shard = write_tar(tmp_path / "train.tar", members)
    with pytest.raises(PipelineError, match=words):
        load_task(str(shard), "all")


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "train.tar", {"a/1.png": b"\x89PNG not really"})
    with pytest.raises(PipelineError, match=r"train\.tar at byte 512"):
        load_task(str(shard), "all").images.open_image(0)


def test_torchvision_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    pixels = RNG.integers(0, 256, (6, 3072), dtype=np.uint8)
    names = ["airplane", "automobile", "bird"]

    def store(name: str, value: object) -> str:
        data = pickle.dumps(value, protocol=2)
        (folder / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    train = store("data_batch_1", {"data": pixels[:4], "labels": [2, 0, 1, 2]})
    test = store("test_batch", {"data": pixels[4:], "labels": [1, 0]})
    meta = store("batches.meta", {"label_names": names})
    # torchvision knows the digests of the real batches; these are of the same layout but small.
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [["data_batch_1", train]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", test]])
    monkeypatch.setattr(
        datasets.CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": meta}
    )
    task = load_task(f"torchvision:CIFAR10:{tmp_path}", "train")
    assert task.classes == tuple(names)
    assert task.labels.tolist() == [2, 0, 1, 2]
    planes = pixels[3].reshape(3, 32, 32)
    assert (np.asarray(task.images.open_image(3)) == planes.transpose(1, 2, 0)).all()
    assert load_task(f"torchvision:CIFAR10:{tmp_path}", "test").labels.tolist() == [1, 0]
    (folder / "test_batch").write_bytes(b"damaged")
    with pytest.raises(PipelineError, match="--download"):
        load_task(f"torchvision:CIFAR10:{tmp_path}", "test")


def test_torchvision_mnist(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    pixels = RNG.integers(0, 256, (5, 28, 28), dtype=np.uint8)
    labels = bytes([3, 1, 4, 1, 5])
    for prefix in ("train", "t10k"):
        images = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (5, 28, 28))
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(images + pixels.tobytes())
        counted = bytes([0, 0, 8, 1]) + (5).to_bytes(4, "big") + labels
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(counted)
    task = load_task(f"torchvision:MNIST:{tmp_path}", "test")
    assert task.labels.tolist() == list(labels)
    assert task.classes[3] == "3 - three"
    assert (np.asarray(task.images.open_image(2)) == pixels[2]).all()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("torchvision:Cifar10:.", "CIFAR10"),
        ("torchvision:os:.", "no dataset"),
        ("torchvision:CIFAR10", "NAME:ROOT"),
        ("sklearn:iris", "sklearn:digits"),
        ("/nowhere/at/all", "There is no task"),
    ],
)
def test_unknown_tasks_are_misuse(spec: str, words: str) -> None:
    with pytest.raises(Misuse, match=words):
        load_task(spec)


def test_hold_out_is_the_same_in_any_order() -> None:
    labels = np.repeat(np.arange(3, dtype=np.uint16), [10, 20, 70])
    keys = tuple(f"{number:03d}" for number in range(100))
    images = ImageArrays(np.zeros((100, 2, 2), np.uint8))
    task = Task("t", ("a", "b", "c"), labels, keys, images)
    rest, held = hold_out(task, 0.2, seed=5)
    assert np.bincount(held.labels).tolist() == [2, 4, 14]
    assert sorted(rest.keys + held.keys) == list(keys)
    shuffled = task.rows(RNG.permutation(100), "t")
    assert set(hold_out(shuffled, 0.2, seed=5)[1].keys) == set(held.keys)
    assert set(hold_out(task, 0.2, seed=6)[1].keys) != set(held.keys)
    # Fixed for good: other machines and versions must hold out the same images.
    assert sorted(held.keys)[:4] == HELD
    with pytest.raises(Misuse, match="empty"):
        hold_out(task, 0.001)


HELD = ["008", "009", "013", "014"]
