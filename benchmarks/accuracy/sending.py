"""A task as payloads are made for it; the backbone runs when something of it is first asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from plada_ref.codes.projection import Projection
from plada_ref.compute.context import Compute
from plada_ref.features.backbone import Backbone
from plada_ref.features.cache import FeatureCache
from plada_ref.features.target import Features
from plada_ref.models.spec import ModelSpec
from plada_ref.pool import Manifest, MemoryPool, open_source
from plada_ref.pool.codes import PoolCodes
from plada_ref.selection.auto import HELD_OUT, AutoSelector
from plada_ref.selection.prune import Pruned
from plada_ref.selection.rules.produce import CodedTask
from plada_ref.selection.rules.source import RuleSource
from plada_ref.selection.size import Size
from plada_ref.tasks.task import hold_out

from .grid import selector_for
from .payloads import Sender, coded_task, pool_codes
from .students import Place
from .tasks import Seen, see, spec_for


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where everything is, as `accuracy_per_byte` has them."""
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--pool", nargs="+", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--task", action="append", required=True, metavar="NAME=SPEC")
    parser.add_argument("--cache", type=Path, required=True)


def place_of(options: argparse.Namespace) -> Place:
    """Return what the options of `add_place` say; everything runs on the processor."""
    tasks = tuple((each.partition("=")[0], each.partition("=")[2]) for each in options.task)
    return Place(
        options.manifest, tuple(options.pool), tasks, options.weights, options.cache, "cpu", None
    )


@dataclass(frozen=True, eq=False)
class Sending:
    """What one task's payloads are made of.

    Attributes:
        place: where everything is.
        name, source: of the task.
        compute: where the backbone runs.
    """

    place: Place
    name: str
    source: str
    compute: Compute

    @cached_property
    def pool(self) -> MemoryPool:
        """The pool, in memory."""
        return MemoryPool(Manifest.read(self.place.manifest), open_source(list(self.place.pool)))

    @cached_property
    def spec(self) -> ModelSpec:
        """Of the backbone, as it sees this task."""
        return spec_for(self.name, self.place.weights)

    @cached_property
    def backbone(self) -> Backbone:
        """The frozen backbone."""
        return Backbone.of(self.spec, self.compute)

    @cached_property
    def features(self) -> Features:
        """Of the pool."""
        cache = FeatureCache.of_pool(self.place.cache, self.pool)
        return self.backbone.pool(self.pool, cache).all()

    @cached_property
    def seen(self) -> Seen:
        """The task with its features."""
        return see(self.name, self.source, self.backbone, self.spec, self.place.cache)

    @cached_property
    def coding(self) -> tuple[PoolCodes, Projection]:
        """Codes, and what makes them: the pool's, whatever the task, so of colours.

        A grey image is grey to both preparations.
        """
        spec = replace(self.spec, grey=False)
        return pool_codes(self.pool, spec, self.place.cache, self.compute)

    def by(self, seed: int) -> Sender:
        """What makes the payloads with a seed."""
        codes, projection = self.coding
        coded = coded_task(self.seen, projection, seed)
        return Sender(self.seen, self.features, self.pool.ref, codes, coded, seed)

    def selector(self, seed: int) -> AutoSelector:
        """What chooses among lists and rules, by heads: it holds a fifth of the images out."""
        plain = selector_for(self.seen, self.features, self.pool.ref, seed)
        pruner = plain.pruner
        assert pruner.target is not None
        codes, projection = self.coding
        rest, _ = hold_out(self.seen.train, HELD_OUT, seed=seed)
        coded = CodedTask.of(rest, projection.codes(pruner.target.features), seed=seed)

        def by_rule(budget: int) -> Pruned:
            size = Size(budget=budget)
            return RuleSource(codes).make(pruner.table, size, coded, pruner.options, seed=seed)

        return replace(plain, by_rule=by_rule)
