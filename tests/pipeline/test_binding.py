"""Results belong to the images, labels and weights that they were made of, not to their names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from PIL import Image

from plada_ref.baselines import Baseline
from plada_ref.baselines.experiment import Experiment
from plada_ref.baselines.study import Request, compute
from plada_ref.errors import Misuse, PipelineError
from plada_ref.images import ImageArrays
from plada_ref.models.spec import build
from plada_ref.runs.plan import Plan
from plada_ref.runs.transfer import Outcome, transfer
from plada_ref.selection import Selection
from plada_ref.tasks.content import task_digest
from plada_ref.tasks.load import load_task
from plada_ref.tasks.task import Task
from plada_ref.training.recipe import recipe

from .conftest import ALONE, NET, DigitPool, png, write_tar


@pytest.fixture
def folder(digits: Task, tmp_path: Path) -> Path:
    """Thirty digits of the classes 0, 1 and 2 for each split, in class folders."""
    for split, start in (("train", 0), ("test", 10)):
        for label in range(3):
            where = tmp_path / "task" / split / f"digit {label}"
            where.mkdir(parents=True)
            for row in np.flatnonzero(digits.labels == label)[start : start + 10]:
                (where / f"{row:05d}.png").write_bytes(png(digits.images.open_image(int(row))))
    return tmp_path / "task"


def _replace_image(task: Path) -> None:
    """Another image under the same name, of the same length and time."""
    first, second = sorted((task / "train/digit 1").iterdir())[:2]
    data, before = second.read_bytes(), first.stat()
    first.write_bytes(data.ljust(before.st_size, b"\0")[: max(before.st_size, len(data))])
    os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))


def _swap_classes(task: Path) -> None:
    train = task / "train"
    (train / "digit 0").rename(train / "x")
    (train / "digit 1").rename(train / "digit 0")
    (train / "x").rename(train / "digit 1")


def _rename_class(task: Path) -> None:
    (task / "train/digit 2").rename(task / "train/two")


def _relabel_one(task: Path) -> None:
    first = min((task / "train/digit 2").iterdir())
    first.rename(task / "train/digit 0" / first.name)


CHANGES: dict[str, Callable[[Path], None]] = {
    "image": _replace_image,
    "classes swapped": _swap_classes,
    "class renamed": _rename_class,
    "one label": _relabel_one,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_task_has_another_digest(folder: Path, name: str) -> None:
    before = load_task(str(folder), "train")
    digest = task_digest(before)
    CHANGES[name](folder)
    after = load_task(str(folder), "train")
    assert len(after) == len(before) and after.name == before.name
    assert task_digest(after) != digest


def test_a_task_that_is_copied_or_packed_is_the_same(folder: Path, tmp_path: Path) -> None:
    digest = task_digest(load_task(str(folder), "train"))
    copied = tmp_path / "elsewhere"
    shutil.copytree(folder, copied)
    for path in copied.rglob("*.png"):
        os.utime(path, (1, 1))
    assert task_digest(load_task(str(copied), "train")) == digest
    train = folder / "train"
    members = {
        str(path.relative_to(train)): path.read_bytes() for path in sorted(train.rglob("*.png"))
    }
    write_tar(tmp_path / "packed.tar", members)
    assert task_digest(load_task(str(tmp_path / "packed.tar"))) == digest
    # A part of a task is another one, and an image that is gone is a sentence.
    whole = load_task(str(folder), "train")
    assert task_digest(whole.rows(np.arange(29), whole.name)) != digest
    next(train.rglob("*.png")).unlink()
    with pytest.raises(PipelineError, match=r"cannot be read .*restore or remove it"):
        task_digest(whole)


def test_images_in_memory_and_of_libraries_count_by_their_pixels() -> None:
    class Library:
        def __init__(self, arrays: np.ndarray) -> None:
            self.arrays = arrays

        def __len__(self) -> int:
            return len(self.arrays)

        def open_image(self, position: int, /) -> Image.Image:
            return Image.fromarray(self.arrays[position])

    pixels = np.arange(2 * 6 * 4 * 3, dtype=np.uint8).reshape(2, 6, 4, 3)
    found = set()
    for images in (pixels, pixels[::-1], pixels.reshape(2, 4, 6, 3), pixels + 1):
        labels, keys = np.array([0, 1], np.uint16), ("a", "b")
        for kind in (ImageArrays(images), Library(images)):
            task = Task("t", ("x", "y"), labels, keys, kind)
            assert task_digest(task) == task_digest(task)
            found.add(task_digest(task))
    assert len(found) == 8


@pytest.mark.slow
def test_a_transfer_is_bound_to_its_files(
    folder: Path, digit_pool: DigitPool, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.safetensors"

    def write_weights(seed: int) -> None:
        state = build(NET, 3, seed=seed).state_dict()
        safetensors.torch.save_file({n: v.contiguous() for n, v in state.items()}, weights)

    def run(out: str = "out") -> Outcome:
        spec = replace(NET, weights=weights)
        head = recipe("head", augment="off")
        plan = Plan(
            teacher=spec,
            student=spec,
            teach_recipe=head,
            train_recipe=head,
            selections=(Selection(),),
            keep_rates=(0.02,),
        )
        train, test = (load_task(str(folder), split) for split in ("train", "test"))
        return transfer(plan, train, test, digit_pool.open(), tmp_path / out, compute=ALONE)

    write_weights(1)
    first = run()
    assert run().students == first.students
    kept = {path: path.read_bytes() for path in (tmp_path / "out").glob("*.*") if path.is_file()}
    write_weights(2)
    with pytest.raises(Misuse, match="the teacher's weights and the student's weights changed"):
        run()
    write_weights(1)
    assert run().students == first.students
    shutil.copytree(folder, tmp_path / "backup")
    for split, words in (("train", "that the teacher learns from"), ("test", "the test images")):
        for change in CHANGES.values():
            part = tmp_path / "part"
            part.mkdir()
            (folder / split).rename(part / "train")
            change(part)
            (part / "train").rename(folder / split)
            with pytest.raises(Misuse, match=f"{words}.* changed since; use another --out"):
                run()
            part.rmdir()
            shutil.rmtree(folder)
            shutil.copytree(tmp_path / "backup", folder)
    assert run().students == first.students
    assert {path: path.read_bytes() for path in kept} == kept


@pytest.mark.slow
def test_baselines_are_bound_to_their_files(folder: Path, tmp_path: Path) -> None:
    def run() -> list[Baseline]:
        experiment = Experiment(
            spec=NET,
            how=recipe("head", augment="off"),
            target=load_task(str(folder), "train"),
            test=load_task(str(folder), "test"),
            labelled=None,
            folder=tmp_path / "out",
            compute=ALONE,
        )
        return compute(experiment, Request(keys=("images-k-center",), images=(5,)))

    first = run()
    shutil.copytree(folder, tmp_path / "backup")
    for split, part in (("train", "target"), ("test", "test")):
        for change in (_replace_image, _swap_classes, _relabel_one):
            (tmp_path / "part").mkdir()
            (folder / split).rename(tmp_path / "part/train")
            change(tmp_path / "part")
            (tmp_path / "part/train").rename(folder / split)
            with pytest.raises(Misuse, match=rf"of other images \({part}\); use another --out"):
                run()
            (tmp_path / "part").rmdir()
            shutil.rmtree(folder)
            shutil.copytree(tmp_path / "backup", folder)
    assert run() == first
