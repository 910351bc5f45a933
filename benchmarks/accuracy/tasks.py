"""The tasks of the benchmark, as a frozen backbone sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from plada_ref.features.backbone import Sight
from plada_ref.models.spec import ModelSpec
from plada_ref.output import Output
from plada_ref.selection import Target
from plada_ref.tasks.task import Task, hold_out, load_task

TRAIN, TEST = 8_000, 3_000
"""Images of a task that are used at most, chosen by hash in equal parts of each class."""

GREY = {"fashion-mnist", "mnist", "elpv", "elpv-defect", "digits"}
"""Tasks of grey images: backbone and students see the pool in grey, too."""

MODEL = "tf_efficientnet_lite0"
IMG_SIZE, VIA_SIZE = 96, 32


@dataclass(frozen=True, eq=False)
class Seen:
    """A task and its features.

    Attributes:
        name: short.
        train, test: the images.
        train_seen, test_seen: their features and labels.
        spec: of the backbone.
    """

    name: str
    train: Task
    test: Task
    train_seen: Target
    test_seen: Target
    spec: ModelSpec

    @property
    def classes(self) -> int:
        """C."""
        return len(self.train.classes)


def spec_for(name: str, weights: Path) -> ModelSpec:
    """The backbone and image preparation for the task called `name`."""
    return ModelSpec(MODEL, weights, img_size=IMG_SIZE, via_size=VIA_SIZE, grey=name in GREY)


def see(name: str, source: str, sight: Sight, output: Output) -> Seen:
    """Load a task and look at it once; the features stay in the sight's folder."""
    sight = replace(sight, spec=spec_for(name, sight.spec.weights or Path()))
    train = _at_most(load_task(source, "train"), TRAIN)
    test = _at_most(load_task(source, "test"), TEST)
    return Seen(
        name,
        train,
        test,
        _seen(train, f"{name}-train", sight, output),
        _seen(test, f"{name}-test", sight, output),
        sight.spec,
    )


def _at_most(task: Task, count: int) -> Task:
    return task if len(task) <= count else hold_out(task, count / len(task))[1]


def _seen(task: Task, name: str, sight: Sight, output: Output) -> Target:
    about = hashlib.sha256("\0".join([repr(sight.spec), *task.keys]).encode()).hexdigest()[:16]
    path = sight.folder / f"{name}-{about}.npy"
    if path.exists():
        return Target(np.load(path), task.labels)
    found = sight.task(task, output)
    sight.folder.mkdir(parents=True, exist_ok=True)
    np.save(path, found.features)
    return found
