"""Which baselines are computed, in which order; what is done is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from ..errors import Misuse
from ..features.target import Target
from ..models.checkpoint import Checkpoint
from .baseline import Baseline, NothingFits
from .head import int8_head
from .images import target_images
from .material import Material
from .payloads import random_selection, whole_pool
from .record import Record, Row
from .student import int8_student
from .target import full_target

HEADS = {"int8-head": 8, "int4-head": 4, "int2-head": 2}
OF_IMAGES = ("images-random", "images-k-center")
OF_A_POOL = ("random", "whole-pool")
KEYS = (*HEADS, *OF_IMAGES, *OF_A_POOL, "full-target", "int8-student")
"""Every baseline, in the order in which they are computed."""

Setting = dict[str, int | str]
Job = tuple[str, Setting, Callable[[], Baseline]]
"""Key, what tells the row from others of that key, and the work."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Wanted:
    """Which baselines.

    Attributes:
        keys: some of `KEYS`.
        budgets: bytes, for training images and for random selections of the pool.
        images: numbers of training images.
        student: what ``int8-student`` sends; None for the student of all training images.
    """

    keys: tuple[str, ...]
    budgets: tuple[int, ...] = ()
    images: tuple[int, ...] = ()
    student: Checkpoint | None = None


def allowed(has_pool: bool, budgets: tuple[int, ...], images: tuple[int, ...]) -> tuple[str, ...]:
    """The keys of all baselines that can be computed from what is given; see `Wanted`."""
    return tuple(key for key in KEYS if _lacks(key, has_pool, budgets, images) is None)


def _lacks(
    key: str, has_pool: bool, budgets: tuple[int, ...], images: tuple[int, ...]
) -> str | None:
    if key in OF_A_POOL and not has_pool:
        return "--scores, --manifest and --pool"
    if key == "random" and not budgets:
        return "--budget"
    if key in OF_IMAGES and not budgets and not images:
        return "--images or --budget"
    return None


def compute(material: Material, wanted: Wanted) -> list[Row]:
    """Compute what the folder lacks; return all its rows.

    Raises:
        Misuse: if the folder holds rows of other settings, or something is wanted that needs what
            is not given.
        PipelineError: if an image, the weights or the data cannot be used.
    """
    jobs = list(_jobs(material, wanted))
    record = Record(material.folder, material.settings())
    progress = material.compute.progress
    for key, setting, work in jobs:
        if record.find(key, setting) is not None:
            continue
        started = time.monotonic()
        try:
            found = work()
        except NothingFits as nothing:
            progress.warn(f"{key}: {nothing}")
            continue
        record.add(Row(found, setting, round(time.monotonic() - started, 3)))
        progress.say(f"{found.name}: {found.bytes:,} bytes, student {100 * found.accuracy:.2f} %")
    return record.rows


def _jobs(material: Material, wanted: Wanted) -> Iterator[Job]:
    for key in wanted.keys:
        if key not in KEYS:
            raise Misuse(f"There is no baseline {key!r}; there are {', '.join(KEYS)}.")
        lacking = _lacks(key, material.labelled is not None, wanted.budgets, wanted.images)
        if lacking is not None:
            raise Misuse(f"The baseline {key} needs {lacking}.")
    for count in wanted.images:
        if not 1 <= count <= len(material.target):
            raise Misuse(
                f"Cannot send {count:,} images of a task that has {len(material.target):,}; give "
                "other --images."
            )
    for key in KEYS:
        if key not in wanted.keys:
            continue
        if key in HEADS:
            yield key, {}, partial(_head, material, HEADS[key])
        elif key in OF_IMAGES:
            for count in wanted.images:
                work = partial(_images, material, key, count=count)
                yield key, {"images": count}, work
            for budget in wanted.budgets:
                work = partial(_images, material, key, budget=budget)
                yield key, {"budget": budget}, work
        elif key == "random":
            for budget in wanted.budgets:
                yield key, {"budget": budget}, partial(_random, material, budget)
        elif key == "whole-pool":
            yield key, {}, partial(_whole_pool, material)
        elif key == "full-target":
            yield key, {}, partial(_full_target, material)
        else:
            setting: Setting = {} if wanted.student is None else {"student": wanted.student.sha256}
            yield key, setting, partial(_student, material, wanted.student)


def _head(material: Material, bits: int) -> Baseline:
    features, *mirrored = material.target_views
    return int8_head(
        Target(features, material.target.labels),
        material.heads.test,
        material.classes,
        bits,
        mirrored=mirrored[0] if mirrored else None,
        how=material.heads.how,
    )


def _images(
    material: Material, key: str, *, count: int | None = None, budget: int | None = None
) -> Baseline:
    return target_images(
        material.target.images,
        material.target.labels,
        material.classes,
        learn=material.learn_images,
        features=material.target_views[0] if key == "images-k-center" else None,
        count=count,
        budget=budget,
        seed=material.how.seed,
    )


def _random(material: Material, budget: int) -> Baseline:
    assert material.labelled is not None
    table = material.labelled.table
    return random_selection(
        table.pool,
        table.labels,
        material.classes,
        budget=budget,
        learn=material.learn_payload,
        seed=material.how.seed,
    )


def _whole_pool(material: Material) -> Baseline:
    assert material.labelled is not None
    table = material.labelled.table
    return whole_pool(table.pool, table.labels, material.classes, learn=material.learn_payload)


def _full_target(material: Material) -> Baseline:
    target = material.target
    return full_target(target.images, target.labels, material.classes, learn=material.learn_target)


def _student(material: Material, student: Checkpoint | None) -> Baseline:
    return int8_student(student or material.target_student, accuracy=material.students.accuracy)
