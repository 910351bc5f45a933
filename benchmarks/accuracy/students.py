"""Students of three kinds on the same payloads: what holds for one need not hold for the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from plada_ref.baselines import HeadStudents
from plada_ref.compute.context import Compute
from plada_ref.compute.precision import multiplies_bfloat16
from plada_ref.features.head import fit_head
from plada_ref.features.target import Features
from plada_ref.models.convnets import COLOUR
from plada_ref.models.preparation import Preparation
from plada_ref.models.spec import ModelSpec
from plada_ref.pool import Manifest, MemoryPool, open_source
from plada_ref.pool.codes import PoolCodes
from plada_ref.selection.auto import HELD_OUT
from plada_ref.selection.students import FINETUNE, FINETUNE_SIZE, SCRATCH, steps_for
from plada_ref.tasks.load import load_task
from plada_ref.tasks.task import Task, hold_out
from plada_ref.training.decoded_pool import DecodedPool
from plada_ref.training.evaluate import evaluate
from plada_ref.training.learn import teach, train
from plada_ref.training.recipe import Recipe, recipe
from plada_ref.training.soft_labels import soft_labels
from pladafmt import Payload, loads, read_rule

from .payloads import HARD_RULE, Offer, codes_file
from .rows import Row, Rows
from .tasks import GREY, IMG_SIZE, MODEL, TEST, TRAIN, VIA_SIZE, Seen, at_most

HELD = "held_out"
"""The detail of a row that tells the accuracy on held-out images."""

STEPS = "steps"
"""The detail of a row that tells how long its training was."""

FULL_TARGET = "full-target"
"""The name of the task's own training images, in place of a payload."""


@dataclass(frozen=True)
class Kind:
    """What a client trains whole.

    Attributes:
        model: a name that timm knows; the benchmark's backbone takes the benchmark's weights.
        img_size: input size; images come through `VIA_SIZE`.
        steps: of the training; as many as those of `auto` take when None.
        batch_size: images in a step.
        like: the kind of student by which `auto` is told of it.
        lr: largest learning rate; the recipe's when None.
        judges: the trainings are those by which `auto` judges: they are tested on held-out images
            too, and not made twice.
    """

    model: str
    img_size: int
    steps: int | None
    batch_size: int
    like: str
    lr: float | None = None
    judges: bool = False

    def spec(self, task: str, weights: Path) -> ModelSpec:
        """The model of a student of `task`."""
        return ModelSpec(
            self.model,
            weights if self.model == MODEL else None,
            img_size=self.img_size,
            via_size=VIA_SIZE if self.img_size != VIA_SIZE else None,
            grey=task in GREY,
        )

    def recipe(self, seed: int, images: int) -> Recipe:
        """How it learns from some images: by the product's recipe for all layers."""
        steps = steps_for(self.like, images) if self.steps is None else self.steps
        return recipe("all", steps=steps, batch_size=self.batch_size, lr=self.lr, seed=seed)


KINDS = {
    "finetune": Kind(MODEL, IMG_SIZE, 400, 128, FINETUNE),
    "scratch": Kind("resnet18", 64, 1000, 256, SCRATCH),
    "finetune-short": Kind(MODEL, FINETUNE_SIZE, None, 64, FINETUNE, judges=True),
    "scratch-small": Kind(COLOUR, 32, None, 128, SCRATCH, lr=3e-3, judges=True),
}
"""The kinds that train whole: pre-trained, all layers; and from nothing. The third is `HEAD`. The
last two stand in for the first where there is no GPU: on one core they take two to nine minutes and
one to four, the more images the longer, where those take half an hour and an hour."""


@dataclass(frozen=True)
class Place:
    """Where everything is: what a process needs to train any of the students.

    Attributes:
        manifest, pool: of the pool.
        tasks: pairs of (name, source).
        weights: of the benchmark's backbone.
        cache: folder with codes and ``payloads``.
        device: a name that torch knows.
        workers: processes that decode images for one training.
    """

    manifest: Path
    pool: tuple[str, ...]
    tasks: tuple[tuple[str, str], ...]
    weights: Path
    cache: Path
    device: str
    workers: int | None

    @property
    def payloads(self) -> Path:
        """Folder of the payloads."""
        return self.cache / "payloads"


@dataclass(frozen=True)
class Job:
    """One student to train: a payload's, or `FULL_TARGET`'s."""

    task: str
    seed: int
    kind: str
    offer: Offer

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """As `Row.key`."""
        return self.task, self.seed, self.kind, self.offer.name, self.offer.budget


def jobs_for(
    tasks: Iterable[str], seeds: Iterable[int], kinds: Iterable[str], offers: Iterable[Offer]
) -> Iterator[Job]:
    """Every combination, seeds last: an interrupted run has all payloads of the first seed."""
    offers = [*offers, Offer(FULL_TARGET, 0)]
    for seed in seeds:
        for task in tasks:
            for offer in offers:
                for kind in kinds:
                    yield Job(task, seed, kind, offer)


def study(
    place: Place,
    jobs: Iterable[Job],
    rows: Rows,
    processes: Executor | None,
    by: Callable[[Place, Job], Row],
) -> None:
    """Train the students that have no row yet.

    Args:
        processes: train several at a time, which keeps a GPU busy with small ones; one after the
            other, here, when None.
        by: trains one, such as `train_student`; known to other processes by its name.
    """
    wanted = [job for job in jobs if not rows.has(job.key)]
    if processes is None:
        for job in wanted:
            rows.once(*job.key, partial(by, place, job))
        return
    running = {processes.submit(by, place, job): job for job in wanted}
    for done in as_completed(running):
        rows.once(*running[done].key, done.result)


def train_student(place: Place, job: Job) -> Row:
    """Train and test one student."""
    started = time.monotonic()
    kind = KINDS[job.kind]
    spec = kind.spec(job.task, place.weights)
    compute = Compute(torch.device(place.device), workers=place.workers, batch_size=256)
    fast = spec.model == COLOUR and multiplies_bfloat16(compute.device)
    training = replace(compute, bfloat16=True) if fast else compute
    size = kept = 0
    if job.offer.name == FULL_TARGET:
        images = _task(place, job.task, "train")
        how = kind.recipe(job.seed, len(images))
        student = teach(images, spec, how, compute=training)
    else:
        got = received(place, job)
        size, kept = got.size, got.payload.kept
        how = kind.recipe(job.seed, kept)
        pool = decoded_pool(place, spec)
        student = train(got.payload, pool, spec, how, compute=training, soft=got.soft)
    found = evaluate(student, _task(place, job.task, "test"), compute=compute)
    details: dict[str, Any] = {"kept": kept, "model": kind.model, STEPS: how.steps}
    if kind.judges:
        held = held_out(place, job.task, job.seed)
        details[HELD] = evaluate(student, held, compute=compute).accuracy
    details["seconds"] = round(time.monotonic() - started, 1)
    return Row(*job.key, size, found.accuracy, details)


class Received(NamedTuple):
    """What a client reads from a file of `size` bytes: soft labels too, if a rule gives them."""

    size: int
    payload: Payload
    soft: npt.NDArray[np.float32] | None


def received(place: Place, job: Job) -> Received:
    """Read the payload of a job as its client does."""
    data = job.offer.path(place.payloads, job.task, job.seed).read_bytes()
    rule, codes = read_rule(data), _codes(place)
    payload = loads(data, codes=codes)
    hard = job.offer.name == HARD_RULE
    return Received(
        len(data), payload, None if rule is None or hard else soft_labels(payload, rule, codes)
    )


def decoded_pool(place: Place, spec: ModelSpec) -> DecodedPool:
    """The pool for all students that store it as `spec` does: decoded once in a process."""
    seen = spec.preparation()
    return _decoded(place, seen.stored_size, seen.grey)


@cache
def _decoded(place: Place, size: int, grey: bool) -> DecodedPool:
    pool = MemoryPool(Manifest.read(place.manifest), open_source(list(place.pool)))
    any_three = (0.5, 0.5, 0.5)  # Stored pixels are not normalised.
    return DecodedPool(
        pool, Preparation(size, None, any_three, any_three, grey=grey), place.workers
    )


@lru_cache(maxsize=1)
def _codes(place: Place) -> PoolCodes:
    return PoolCodes(codes_file(place.cache))


@cache
def _task(place: Place, name: str, split: str) -> Task:
    return at_most(load_task(dict(place.tasks)[name], split), TRAIN if split == "train" else TEST)


def held_out(place: Place, name: str, seed: int) -> Task:
    """The images of a task that judge."""
    return hold_out(_task(place, name, "train"), HELD_OUT, seed=seed)[1]


def study_heads(
    place: Place, seen: Seen, features: Features, jobs: Iterable[Job], rows: Rows
) -> None:
    """The same for linear heads on the frozen backbone, fitted to features at hand."""
    heads = HeadStudents(seen.test_seen, seen.classes)

    def fitted(job: Job) -> Row:
        if job.offer.name == FULL_TARGET:
            reached = heads.learn([seen.train_seen.features], seen.train_seen.labels)
            return Row(*job.key, 0, reached)
        got = received(place, job)
        rows = got.payload.positions.astype(np.int64)
        labels = got.payload.labels.astype(np.int64) if got.soft is None else got.soft
        head = fit_head([features[rows]], labels, np.ones(len(rows)), seen.classes)
        return Row(*job.key, got.size, heads.accuracy(head), {"kept": got.payload.kept})

    for job in jobs:
        rows.once(*job.key, partial(fitted, job))
