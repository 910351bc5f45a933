"""The payloads that students are compared on: lists by fixed rules, and rules over codes.

A teacher that is a linear head learns from all training images of the task and labels the pool.
Lists are dense, files have no class names, and sizes are those of the whole file. Each file is made
once; a machine that has them all needs neither features nor codes of the task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from plada_ref.codes.make import Settings, make_codes
from plada_ref.codes.projection import Projection
from plada_ref.compute.context import Compute
from plada_ref.features.target import Features
from plada_ref.labelling.scores import ScoreTable
from plada_ref.models.spec import ModelSpec
from plada_ref.pool import MemoryPool
from plada_ref.pool.codes import PoolCodes, projection_beside
from plada_ref.selection import Size, parse
from plada_ref.selection.auto import HELD_OUT
from plada_ref.selection.prune import PayloadOptions, Pruner
from plada_ref.selection.rule import RULE
from plada_ref.selection.rules.fit import Examples
from plada_ref.selection.rules.produce import CodedTask, find_rule
from plada_ref.tasks.task import hold_out
from pladafmt import Codes, PoolRef, dumps
from pladafmt.files import write_whole

from .tasks import Seen
from .teacher import label

HARD_RULE = "rule, hard labels"
"""The name of a rule whose scores the client makes no use of; the file is the same."""

WHOLE_POOL = "whole-pool"
"""The name of the list of every image with the teacher's label."""


@dataclass(frozen=True)
class Offer:
    """A payload that a client may get.

    Attributes:
        name: of the fixed rule, `RULE`, `HARD_RULE`, or `WHOLE_POOL`.
        budget: bytes that were allowed; 0 where there is no limit.
    """

    name: str
    budget: int

    @property
    def is_list(self) -> bool:
        """Whether it is a list of the images that a fixed rule has chosen."""
        return self.name not in (RULE, HARD_RULE, WHOLE_POOL)

    def path(self, folder: Path, task: str, seed: int) -> Path:
        """Where the file of a task and seed is kept."""
        name = RULE if self.name == HARD_RULE else self.name
        slug = "".join(each if each.isalnum() or each in "-." else "_" for each in name)
        return folder / f"{task}-{seed}-{slug}-{self.budget}.plada"


def codes_file(folder: Path) -> Path:
    """Where `pool_codes` keeps the codes."""
    return folder / "pool.codes.npy"


def pool_codes(
    pool: MemoryPool, spec: ModelSpec, folder: Path, compute: Compute
) -> tuple[PoolCodes, Projection]:
    """The pool's codes, by the backbone of `spec`; made once."""
    codes = codes_file(folder)
    projection = projection_beside(codes)
    if not (codes.exists() and projection.exists()):
        make_codes(
            pool,
            Settings(backbone=spec),
            codes=codes,
            projection=projection,
            scratch=folder,
            compute=compute,
        )
    return PoolCodes(codes), Projection.read(projection)


@dataclass(frozen=True, eq=False)
class Sender:
    """Makes the payloads of one task with one seed.

    Attributes:
        seen: the task.
        features: of the pool.
        pool: id and size.
        codes: of the pool.
        coded: the task's images, as such codes.
        seed: of random selections, and of the images by which a rule is chosen.
    """

    seen: Seen
    features: Features
    pool: PoolRef
    codes: Codes
    coded: CodedTask
    seed: int

    def file(self, offer: Offer) -> bytes:
        """The file of an offer."""
        return self._rule(offer) if offer.name in (RULE, HARD_RULE) else self._list(offer)

    def _list(self, offer: Offer) -> bytes:
        whole = offer.name == WHOLE_POOL
        selection = parse("low-energy" if whole else offer.name, seed=self.seed)
        size = Size(keep_rate=1.0) if whole else Size(budget=offer.budget)
        return dumps(self._pruner.prune(selection, size).payload, dense=True)

    def _rule(self, offer: Offer) -> bytes:
        found = find_rule(
            self._table,
            self.codes,
            Size(budget=offer.budget),
            task=self.coded,
            options=PayloadOptions(named=False),
            seed=self.seed,
        )
        return dumps(found.payload, rule=found.rule, codes=self.codes)

    @cached_property
    def _pruner(self) -> Pruner:
        options = PayloadOptions(dense=True, named=False)
        return Pruner(self._table, options, self.features, self.seen.train_seen)

    @cached_property
    def _table(self) -> ScoreTable:
        train = self.seen.train_seen
        return label(train, self.features, self.pool, self.seen.train.classes)


def coded_task(seen: Seen, projection: Projection, seed: int) -> CodedTask:
    """The training images as codes, divided by a seed."""
    row_of = {key: row for row, key in enumerate(seen.train.keys)}
    features, labels = seen.train_seen.features, seen.train_seen.labels

    def coded(keys: tuple[str, ...]) -> Examples:
        rows = np.array([row_of[key] for key in keys])
        return Examples(projection.codes(features[rows]), labels[rows], seen.classes)

    rest, held_out = hold_out(seen.train, HELD_OUT, seed=seed)
    return CodedTask(coded(rest.keys), coded(held_out.keys))


def prepare(
    offers: list[Offer], folder: Path, task: str, seed: int, sender: Callable[[], Sender]
) -> None:
    """Make the files that are not there."""
    missing = [each for each in offers if not each.path(folder, task, seed).exists()]
    if missing:
        maker = sender()
        folder.mkdir(parents=True, exist_ok=True)
        for offer in missing:
            write_whole(offer.path(folder, task, seed), maker.file(offer))
            print(f"{task} seed {seed}: {offer.name} at {offer.budget:,} made", flush=True)
