"""From a score table to a payload: keep the most useful images (paper, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pladafmt import Payload, Rule, dumps

from ..errors import Misuse
from ..features.target import Features, Target
from ..labelling.histogram import count_labels
from ..labelling.scores import ScoreTable
from ..training.advice import Advice
from .auto_record import AutoSelection
from .budget import largest_within
from .description import describe, with_own
from .evidence import Evidence, Positions
from .quotas import count_of
from .ranked import RankedImages, rank_images
from .rankings.registry import RANKINGS
from .rule import RuleSelection, Selection
from .rule_record import RuleRecord
from .size import Size


@dataclass(frozen=True, kw_only=True)
class PayloadOptions:
    """What a payload file holds besides the kept images, and how it is encoded.

    Attributes:
        dense: encode densely; a budget of bytes counts on it.
        named: store the class names.
        metadata: a JSON object to store, or None.
        described: say in the metadata what made the payload and how its students may be trained:
            producer, teacher's model, selection, and as recipe the teacher's image sizes; members
            of `metadata` win.
        recipe: what else that recipe says, or says in place of the teacher's image sizes.
    """

    dense: bool = False
    named: bool = True
    metadata: dict[str, Any] | None = None
    described: bool = False
    recipe: Advice = field(default_factory=Advice)

    def metadata_of(
        self, table: ScoreTable, selection: Selection | RuleSelection
    ) -> dict[str, Any] | None:
        """Return the metadata of the payload that `selection` makes of a table; None for none."""
        if not self.described:
            return self.metadata
        seen = table.seen
        advice = self.recipe if seen is None else self.recipe.over(seen.advice())
        teacher = None if seen is None else seen.model
        made = describe(teacher=teacher, selection=str(selection), advice=advice)
        return with_own(made, self.metadata)


@dataclass(frozen=True, eq=False)
class FoundRule:
    """The rule that stands for a payload.

    Attributes:
        rule: what the file holds in place of a list.
        record: what it was chosen from.
    """

    rule: Rule
    record: RuleRecord


@dataclass(frozen=True, eq=False, kw_only=True)
class Pruned:
    """A payload, and what the selection did to each class.

    Attributes:
        payload: the kept images with their pseudo-labels.
        selection: what they were kept by.
        supply: pseudo-labels of each class in the whole pool, int64 of shape (C,).
        kept: kept images of each class, int64 of shape (C,).
        payload_bytes: size of the whole file, where a budget was given or a rule was found.
        next_bytes: size of the file with one more image, likewise; None if there is none.
        auto: what the selection was chosen from, if it was chosen automatically.
        by_rule: the rule, if images are kept by one.
    """

    payload: Payload
    selection: Selection | RuleSelection
    supply: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]
    payload_bytes: int | None = None
    next_bytes: int | None = None
    auto: AutoSelection | None = None
    by_rule: FoundRule | None = None

    @property
    def vanished(self) -> list[str]:
        """Names of the classes of which no image is kept."""
        return vanished(self.payload, self.kept)


def vanished(payload: Payload, kept: npt.NDArray[np.int64]) -> list[str]:
    """Names of the classes of which no image is kept.

    Args:
        kept: kept images of each class, shape (C,).
    """
    return [name for name, count in zip(payload.class_names, kept, strict=True) if not count]


@dataclass(frozen=True, eq=False)
class Pruner:
    """Prunes a score table by any selection to any size. `Producer` is the way in for callers.

    Each selection is ranked once, for any number of sizes; one by scores alone until another is,
    since that is quick and its keys take memory.

    Attributes:
        table: the pool's scores.
        options: of the payloads.
        features: of the pool's images by a frozen backbone, shape (N, D), or None.
        target: the server's target images in the same features, or None.
        unreadable: positions of images that could not be read for their features; they are not
            kept, as those without scores.
    """

    table: ScoreTable
    options: PayloadOptions = field(default_factory=PayloadOptions)
    features: Features | None = None
    target: Target | None = None
    unreadable: Positions | None = None
    _ranked: dict[Selection, RankedImages] = field(default_factory=dict, init=False, repr=False)

    def ranked(self, selection: Selection) -> RankedImages:
        """Return the pool's images in the order of a selection.

        Raises:
            Misuse: if the ranking compares images, and there are no features.
        """
        if selection not in self._ranked:
            for other in [one for one in self._ranked if not RANKINGS[one.ranking].compares]:
                del self._ranked[other]
            self._ranked[selection] = rank_images(self._evidence, selection)
        return self._ranked[selection]

    @cached_property
    def _evidence(self) -> Evidence:
        """About the images that can be read: where some cannot, it takes memory of its own."""
        table = self.table
        return Evidence.keepable(
            table.labels,
            table.columns,
            len(table.classes),
            self.features,
            self.target,
            unreadable=self.unreadable,
        )

    def prune(
        self,
        selection: Selection,
        size: Size,
        *,
        advance: Callable[[int], None] = lambda files: None,
    ) -> Pruned:
        """Return the payload of a size that holds the images which a selection keeps.

        Args:
            advance: hears of each file that is encoded to find its size.

        Raises:
            Misuse: if the size is out of range, or not even a file without an image fits a budget.
        """
        there = len(self.ranked(selection))
        if size.budget is None:
            keep = count_of(len(self.table), keep_rate=size.keep_rate, count=size.count)
            if size.count is not None and keep > there:
                raise Misuse(
                    f"Cannot keep {keep:,} of {len(self.table):,} images, "
                    f"{len(self.table) - there:,} of which do not decode; keep {there:,} or fewer."
                )
            return self._keep(selection, min(keep, there))  # A rate of 1 keeps all that can be.

        def size_of(keep: int) -> int:
            advance(1)
            return len(dumps(self._keep(selection, keep).payload, dense=self.options.dense))

        found = largest_within(size_of, there, size.budget)
        pruned = self._keep(selection, found.keep)
        return replace(pruned, payload_bytes=found.size, next_bytes=found.next_size)

    def _keep(self, selection: Selection, keep: int) -> Pruned:
        ranked = self.ranked(selection)
        table, classes = self.table, len(self.table.classes)
        positions = ranked.keep(keep)
        everything = len(positions) == len(table)
        labels = table.labels if everything else table.labels[positions]
        return Pruned(
            payload=Payload(
                pool=table.pool,
                classes=list(table.classes) if self.options.named else classes,
                positions=positions,
                labels=labels,
                metadata=self.options.metadata_of(table, selection),
            ),
            selection=selection,
            supply=ranked.supply,
            kept=ranked.supply if everything else count_labels(labels, classes),
        )
