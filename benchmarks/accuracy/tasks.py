"""The tasks of the benchmark, as a frozen backbone sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plada_ref.features.backbone import Backbone
from plada_ref.features.target import Target
from plada_ref.models.spec import ModelSpec
from plada_ref.tasks.load import load_task
from plada_ref.tasks.task import Task, hold_out

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


def see(name: str, source: str, backbone: Backbone, spec: ModelSpec, folder: Path) -> Seen:
    """Load a task and look at it once; the features stay in the folder."""
    train = at_most(load_task(source, "train"), TRAIN)
    test = at_most(load_task(source, "test"), TEST)

    def seen(task: Task, part: str) -> Target:
        about = hashlib.sha256("\0".join([repr(spec), *task.keys]).encode()).hexdigest()[:16]
        path = folder / f"{name}-{part}-{about}.npy"
        if path.exists():
            return Target(np.load(path), task.labels)
        found = backbone.target(task)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, found.features)
        return found

    return Seen(name, train, test, seen(train, "train"), seen(test, "test"), spec)


def at_most(task: Task, count: int) -> Task:
    """The task, or `count` of its images, in equal parts of each class."""
    return task if len(task) <= count else hold_out(task, count / len(task))[1]
