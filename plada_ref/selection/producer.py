"""The payloads that one labelled pool gives: by any selection, of any size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from pladafmt import dumps
from pladafmt.files import write_whole

from ..compute.progress import Progress
from ..features.backbone import Backbone
from ..features.cache import FeatureCache
from ..features.target import Features, Target
from ..labelling.scores import ScoreTable
from ..pool import MemoryPool
from ..tasks.task import Task, hold_out
from .auto import HELD_OUT, Chooser
from .budget import fit
from .prune import Pruned, Pruner, evidence_of
from .quotas import count_of
from .ranked import rank
from .rankings.registry import RANKINGS
from .rule import Selection

Size = float | int
"""A keep rate, or a whole number of bytes."""


@dataclass(frozen=True)
class Made:
    """A payload.

    Attributes:
        name: the selection's name; after ``auto:`` when it was chosen.
        pruned: the payload and its histograms.
        keep_rate: kept images / pool size; as asked for, where that was how.
        budget: bytes that were allowed, or None.
    """

    name: str
    pruned: Pruned
    keep_rate: float
    budget: int | None


@dataclass(frozen=True, eq=False)
class Payloads:
    """Makes payloads from one score table.

    Attributes:
        table: the pool's scores.
        pool: its images, for rankings that compare them.
        task: the server's target images, likewise.
        backbone: what it sees is compared.
        cache: the pool's features.
        folder: where reports on automatic choices are written.
        progress: hears how far the work is.
        dense, named: how payloads are encoded.
        seed: of held-out images and random candidates.
    """

    table: ScoreTable
    pool: MemoryPool
    task: Task
    backbone: Backbone
    cache: FeatureCache
    folder: Path
    progress: Progress
    dense: bool
    named: bool
    seed: int

    def make(self, rule: Selection | None, size: Size) -> Made:
        """The payload by `rule`, or by the automatic choice when None, of a size.

        The automatic choice is left in the folder as ``auto-BYTES.json``.

        Raises:
            Misuse: if a budget has no room for the empty file.
        """
        if rule is None:
            assert isinstance(size, int)
            return self._chosen(size)
        evidence = evidence_of(self.table)
        if RANKINGS[rule.ranking].compares:
            evidence = evidence_of(self.table, self._features, self._target)
        pruner = Pruner(self.table, rank(evidence, rule), named=self.named)
        if isinstance(size, float):
            keep = count_of(len(self.table), keep_rate=size)
            return Made(rule.name, pruner(keep), size, None)
        found = fit(partial(self._bytes, pruner), len(self.table), size)
        return Made(rule.name, pruner(found.keep), found.keep / len(self.table), size)

    def _chosen(self, budget: int) -> Made:
        choice = self._chooser.choose(budget, progress=self.progress)
        (self.progress.say if choice.carried else self.progress.warn)(choice.verdict)
        report = json.dumps(choice.to_json(), indent=1)
        write_whole(self.folder / f"auto-{budget}.json", report.encode())
        kept = choice.pruned.payload.kept
        return Made(f"auto: {choice.rule.name}", choice.pruned, kept / len(self.table), budget)

    def _bytes(self, pruner: Pruner, keep: int) -> int:
        return len(dumps(pruner(keep).payload, dense=self.dense))

    @cached_property
    def _features(self) -> Features:
        return self.backbone.pool(self.pool, self.cache).all()

    @cached_property
    def _target(self) -> Target:
        return self.backbone.target(self.task)

    @cached_property
    def _chooser(self) -> Chooser:
        rest, held = hold_out(self.task, HELD_OUT, seed=self.seed)
        return Chooser(
            self.table,
            self._features,
            self.backbone.target(rest),
            self.backbone.target(held),
            dense=self.dense,
            named=self.named,
            seed=self.seed,
        )


def stem_of(rule: Selection | None, size: Size) -> str:
    """The part of file names that stands for a payload."""
    name = "chosen" if rule is None else rule.slug
    return f"{name}-{size:g}" if isinstance(size, float) else f"{name}-{size}B"
