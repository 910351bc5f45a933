"""The image sets that plada knows by name, each on a small one in the real layout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from plada_ref.errors import Misuse, PipelineError
from plada_ref.tasks import known
from plada_ref.tasks.known import SETS
from plada_ref.tasks.load import load_task

from .image_sets import BUILDERS, idx, number_shown


def test_every_set_has_a_builder() -> None:
    assert set(SETS) - {"digits"} <= set(BUILDERS)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_set_in_its_own_layout(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = BUILDERS[name](tmp_path, monkeypatch)
    keys: dict[str, set[str]] = {}
    for split, counts in built.counts.items():
        task = load_task(f"{name}:{tmp_path}", split)
        assert task.name == f"{name} {split}"
        assert task.classes == built.classes
        assert Counter(task.labels.tolist()) == counts
        for row, label in enumerate(task.labels):
            assert built.label_of(number_shown(task, row)) == label
        keys[split] = set(task.keys)
        assert len(keys[split]) == len(task)
    if "all" in keys:
        assert keys["train"] | keys["test"] == keys["all"]
        assert not keys["train"] & keys["test"]
    with pytest.raises(Misuse, match=f"{name} has the splits train.* and .*, not 'nonsense'"):
        load_task(f"{name}:{tmp_path}", "nonsense")


@pytest.mark.parametrize("name", sorted(set(SETS) - {"digits"}))
def test_a_set_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=f"{name} is not there: neither .* holds .*docs/tasks.md"):
        load_task(f"{name}:{tmp_path}")
    with pytest.raises(Misuse, match=f"{name} is not there: .*nowhere' is not a folder"):
        load_task(f"{name}:{tmp_path}/nowhere")
    assert list(tmp_path.iterdir()) == []  # Caltech101 of torchvision makes folders.


def test_digits() -> None:
    train, test, whole = (load_task("digits", split) for split in ("train", "test", "all"))
    assert train.classes == tuple("0123456789")
    assert (len(train), len(test), len(whole)) == (1438, 359, 1797)
    assert train.images.open_image(0).size == (8, 8)
    assert set(train.keys) | set(test.keys) == set(whole.keys)
    assert load_task("sklearn:digits", "test").keys == test.keys
    with pytest.raises(Misuse, match="digits has the splits train, test and all, not 'val'"):
        load_task("digits", "val")
    with pytest.raises(Misuse, match="write digits alone"):
        load_task("digits:data")


def test_where_a_name_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLADA_DATA", raising=False)
    (tmp_path / "sets/resisc45").mkdir(parents=True)
    BUILDERS["resisc45"](tmp_path / "sets/resisc45", monkeypatch)
    roots = ("sets", "sets/resisc45", "sets/resisc45/NWPU-RESISC45")
    tasks = [load_task(f"resisc45:{tmp_path / root}", "test") for root in roots]
    assert tasks[0].keys == tasks[1].keys == tasks[2].keys

    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misuse, match=r"resisc45 needs a folder.*PLADA_DATA"):
        load_task("resisc45", "test")
    # A folder of that name, as any other folder, unless PLADA_DATA says where sets are.
    (tmp_path / "resisc45").symlink_to(tmp_path / "sets/resisc45/NWPU-RESISC45")
    assert len(load_task("resisc45", "all")) == 30
    with pytest.raises(Misuse, match="not divided"):
        load_task("resisc45", "test")
    monkeypatch.setenv("PLADA_DATA", str(tmp_path / "sets"))
    assert load_task("resisc45", "test").keys == tasks[0].keys
    assert len(load_task("digits", "test")) == 359


@pytest.mark.parametrize(
    ("name", "split", "first"),
    [
        ("caltech101", "test", ["Faces/image_0001.jpg", "Faces/image_0010.jpg"]),
        ("resisc45", "test", ["airplane/airplane_005.jpg", "airplane/airplane_009.jpg"]),
        ("elpv", "test", ["images/cell0002.png", "images/cell0006.png"]),
        ("elpv-defect", "test", ["images/cell0002.png", "images/cell0006.png"]),
        ("cub200", "paper-test", ["001.Black_footed_Albatross/Black_footed_Albatross_0000_0.jpg"]),
    ],
)
def test_hashed_splits_are_fixed_for_good(
    name: str, split: str, first: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BUILDERS[name](tmp_path, monkeypatch)
    assert list(load_task(f"{name}:{tmp_path}", split).keys[: len(first)]) == first


def test_both_tasks_of_elpv_share_a_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BUILDERS["elpv"](tmp_path, monkeypatch)
    kinds, defects = (load_task(f"{name}:{tmp_path}", "test") for name in ("elpv", "elpv-defect"))
    assert kinds.keys == defects.keys
    assert Counter(zip(kinds.labels.tolist(), defects.labels.tolist(), strict=True)) == {
        (kind, defect): 6 for kind in (0, 1) for defect in (0, 1)
    }


@pytest.mark.parametrize(
    ("name", "place", "ending"),
    [
        ("mnist", "MNIST/raw", ""),
        ("mnist", "mnist/data", ""),
        ("mnist", ".", ".gz"),
        ("fashion-mnist", "FashionMNIST/raw", ".gz"),
        ("fashion-mnist", "fashion-mnist", ".gz"),
    ],
)
def test_idx_files_in_usual_places(name: str, place: str, ending: str, tmp_path: Path) -> None:
    idx(tmp_path / place, {"train": [1, 2, 3], "t10k": [3]}, ending=ending)
    task = load_task(f"{name}:{tmp_path}", "train")
    assert task.labels.tolist() == [1, 2, 3]
    assert [number_shown(task, row) for row in range(3)] == [1, 2, 3]


def test_what_is_missing_is_fetched_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(dataset: str, root: Path, split: str, *, download: bool) -> None:
        asked.append((dataset, download))
        idx(root / dataset / "raw", {"train": [1, 2], "t10k": [3]})

    monkeypatch.setattr(known, "load_torchvision", fetch)
    for _ in range(2):
        assert load_task(f"fashion-mnist:{tmp_path}", download=True).labels.tolist() == [1, 2]
    assert asked == [("FashionMNIST", True)]
    with pytest.raises(Misuse, match=r"not a folder; docs/tasks\.md shows how it lies on disk\.$"):
        load_task(f"cub200:{tmp_path}/nowhere", download=True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-1], "not a complete idx file"),
        (lambda data: data + b"\0", "not a complete idx file"),
        (lambda data: b"\0\0\x0d" + data[3:], "not a complete idx file"),
        (lambda data: data[:6], "not a complete idx file"),
        (lambda data: data[:-1] + b"\x0b", "labels beyond"),
        (lambda data: data[:7] + b"\x02" + data[8:-1], "holds 2 labels.* 3 images"),
    ],
)
def test_damaged_idx_files(damage: object, words: str, tmp_path: Path) -> None:
    assert callable(damage)
    idx(tmp_path, {"train": [1, 2, 3], "t10k": [3]})
    path = tmp_path / "train-labels-idx1-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PipelineError, match=words):
        load_task(f"mnist:{tmp_path}")
    path.unlink()
    with pytest.raises(PipelineError, match="lack train-labels-idx1-ubyte"):
        load_task(f"mnist:{tmp_path}")
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"\x1f\x8b\x08 and so on")
    with pytest.raises(PipelineError, match="not a readable gzip file"):
        load_task(f"mnist:{tmp_path}")


def test_mnist_is_not_taken_for_fashion_mnist(tmp_path: Path) -> None:
    idx(tmp_path, {"train": [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3], "t10k": [0]})
    assert len(load_task(f"mnist:{tmp_path}")) == 11
    with pytest.raises(PipelineError, match="is of mnist, not of fashion-mnist"):
        load_task(f"fashion-mnist:{tmp_path}")


def test_damaged_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BUILDERS["cub200"](tmp_path, monkeypatch)
    table = tmp_path / "CUB_200_2011/image_class_labels.txt"
    table.write_text(table.read_text().replace("7 1\n", "", 1))
    with pytest.raises(PipelineError, match="do not fit together: '7' is in one"):
        load_task(f"cub200:{tmp_path}")
    table.unlink()
    with pytest.raises(PipelineError, match=r"image_class_labels\.txt' cannot be read"):
        load_task(f"cub200:{tmp_path}")

    BUILDERS["elpv"](tmp_path, monkeypatch)
    table = tmp_path / "elpv_dataset/data/labels.csv"
    table.write_text(table.read_text().replace("poly", "tandem", 1))
    with pytest.raises(PipelineError, match=r"Line 41 of .*mono or poly"):
        load_task(f"elpv:{tmp_path}")


def test_damaged_medmnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = BUILDERS["bloodmnist"](tmp_path, monkeypatch)
    path = tmp_path / "bloodmnist.npz"
    stored = dict(np.load(path))
    np.savez(path, **(stored | {"val_images": stored["val_images"][1:]}))
    assert len(load_task(f"bloodmnist:{tmp_path}", "train")) == sum(built.counts["train"].values())
    with pytest.raises(PipelineError, match="does not hold the 2 images"):
        load_task(f"bloodmnist:{tmp_path}", "val")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(PipelineError, match="bloodmnist cannot be loaded from"):
        load_task(f"bloodmnist:{tmp_path}", "val")
    with pytest.raises(Misuse, match=r"no 'bloodmnist_96'; its sizes are .*bloodmnist_224"):
        load_task(f"medmnist:bloodmnist_96:{tmp_path}", "val")


def test_places365_without_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BUILDERS["places365"](tmp_path, monkeypatch)
    (tmp_path / "val_256").rename(tmp_path / "elsewhere")
    with pytest.raises(PipelineError, match=r"lacks the folder .*val_large"):
        load_task(f"places365:{tmp_path}", "test")
    assert len(load_task(f"places365:{tmp_path}", "train")) == 6


def test_the_documentation_lists_every_set_and_split() -> None:
    page = (Path(__file__).parents[2] / "docs/tasks.md").read_text("utf-8")
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| `")]
    listed = {
        name.strip(" `"): tuple(row[3].replace(" ", "").split(","))
        for row in rows
        if len(row) == 5
        for name in row[0].split(",")
    }
    assert listed == {name: entry.splits for name, entry in SETS.items()}
    on_disk = {name.strip(" `.") for row in rows if len(row) == 2 for name in row[0].split(",")}
    assert set(SETS) - {"digits", "dermamnist", "retinamnist"} <= on_disk
