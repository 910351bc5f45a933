"""Which baselines are computed, in which order; what is done is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from ..errors import Misuse
from ..features.target import Target
from ..models.checkpoint import Checkpoint
from ..selection import Size
from ..training.recipe import Tune
from .baseline import Baseline, NothingFits
from .experiment import Experiment
from .images import target_images
from .payloads import random_selection, whole_pool
from .quantised_head import quantised_head
from .record import Record
from .student import int8_student
from .target import full_target

HEAD_BITS = {"int8-head": 8, "int4-head": 4, "int2-head": 2}
OF_IMAGES = ("images-random", "images-k-center")
OF_A_POOL = ("random", "whole-pool")
KEYS = (*HEAD_BITS, *OF_IMAGES, *OF_A_POOL, "full-target", "int8-student")
"""Every baseline, in the order in which they are computed."""

Setting = dict[str, int | str]
Job = tuple[str, Setting, Callable[[], Baseline]]
"""Key, what tells the row from others of that key, and the work."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """Which baselines to compute.

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
    """The keys of all baselines that can be computed from what is given; see `Request`."""
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


def compute(experiment: Experiment, request: Request) -> list[Baseline]:
    """Compute what the folder lacks; return all its rows.

    Raises:
        Misuse: if the folder holds rows of other settings, or a baseline needs something that is
            not given, such as weights of a frozen backbone.
        PipelineError: if an image, the weights or the data cannot be used.
    """
    jobs = list(_jobs(experiment, request))
    if experiment.how.tune is not Tune.ALL:
        experiment.spec.check_frozen(f"--tune {experiment.how.tune}")
    for key in request.keys:
        if key in HEAD_BITS or key == "images-k-center":
            experiment.spec.check_frozen(f"The baseline {key}")
    record = Record(experiment.folder, experiment.settings())
    progress = experiment.compute.progress
    for key, setting, work in jobs:
        if record.find(key, setting) is not None:
            continue
        started = time.monotonic()
        try:
            found = work()
        except NothingFits as nothing:
            progress.warn(f"{key}: {nothing}")
            continue
        seconds = round(time.monotonic() - started, 3)
        record.add(replace(found, setting=setting, seconds=seconds))
        progress.say(f"{found.name}: {found.bytes:,} bytes, student {100 * found.accuracy:.2f} %")
    return record.rows


def _jobs(experiment: Experiment, request: Request) -> Iterator[Job]:
    for key in request.keys:
        if key not in KEYS:
            raise Misuse(f"There is no baseline {key!r}; there are {', '.join(KEYS)}.")
        lacking = _lacks(key, experiment.labelled is not None, request.budgets, request.images)
        if lacking is not None:
            raise Misuse(f"The baseline {key} needs {lacking}.")
    for count in request.images:
        if not 1 <= count <= len(experiment.target):
            raise Misuse(
                f"Cannot send {count:,} images of a task that has {len(experiment.target):,}; give "
                "other --images."
            )
    for key in KEYS:
        if key not in request.keys:
            continue
        if key in HEAD_BITS:
            yield key, {}, partial(_head, experiment, HEAD_BITS[key])
        elif key in OF_IMAGES:
            for count in request.images:
                work = partial(_images, experiment, key, Size(count=count))
                yield key, {"images": count}, work
            for budget in request.budgets:
                work = partial(_images, experiment, key, Size(budget=budget))
                yield key, {"budget": budget}, work
        elif key == "random":
            for budget in request.budgets:
                yield key, {"budget": budget}, partial(_random, experiment, budget)
        elif key == "whole-pool":
            yield key, {}, partial(_whole_pool, experiment)
        elif key == "full-target":
            yield key, {}, partial(_full_target, experiment)
        else:
            setting: Setting = (
                {} if request.student is None else {"student": request.student.sha256}
            )
            yield key, setting, partial(_student, experiment, request.student)


def _head(experiment: Experiment, bits: int) -> Baseline:
    features, *mirrored = experiment.target_views
    return quantised_head(
        Target(features, experiment.target.labels),
        experiment.heads.test,
        experiment.classes,
        bits,
        mirrored=mirrored[0] if mirrored else None,
        how=experiment.heads.how,
    )


def _images(experiment: Experiment, key: str, size: Size) -> Baseline:
    return target_images(
        experiment.target,
        size,
        learn=experiment.learn_images,
        features=experiment.target_views[0] if key == "images-k-center" else None,
        seed=experiment.how.seed,
    )


def _random(experiment: Experiment, budget: int) -> Baseline:
    assert experiment.labelled is not None
    return random_selection(
        experiment.labelled.table,
        budget=budget,
        learn=experiment.learn_payload,
        seed=experiment.how.seed,
    )


def _whole_pool(experiment: Experiment) -> Baseline:
    assert experiment.labelled is not None
    return whole_pool(experiment.labelled.table, learn=experiment.learn_payload)


def _full_target(experiment: Experiment) -> Baseline:
    return full_target(experiment.target, learn=experiment.learn_target)


def _student(experiment: Experiment, student: Checkpoint | None) -> Baseline:
    return int8_student(student or experiment.target_student, accuracy=experiment.students.accuracy)
