"""The automatic selection: which selection trains the best student from a number of bytes.

The paper picks the best of its selections by test accuracy. A server has no test images of its
clients, but it has the target task: a part of it is held out, small students are trained on
candidate payloads, and the payload whose student does best on the held-out images is chosen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pladafmt import Payload

from ..compute.progress import Progress, Silence
from ..features.target import Features, Target
from .auto_record import AutoSelection, Candidate
from .budget import NoRoom
from .prune import Pruned, Pruner
from .rule import RULE, parse
from .size import Size

if TYPE_CHECKING:
    from ..features.head import Head

CANDIDATES = (
    "herding",
    "gradient-matching",
    "random",
    "low-energy+safety-net:alpha=-0.2,share=0.5",
    "low-energy",
    "herding-logits",
    "prototype",
)
"""Selections that are tried, the most promising first: the time may run out.

High energy is not among them. It can be the best for heads and ruin a student that is fine-tuned,
which a head cannot show (docs/selection.md).
"""

PARTS = (1, 4)
"""Each is tried with the whole budget, then with a quarter of it: wrong pseudo-labels can make the
larger payload the worse one."""

HELD_OUT = 0.2
"""The part of the target's images of each class that is held out, to choose by."""


@dataclass(frozen=True, eq=False)
class AutoSelector:
    """Chooses ranking, Safety-Net and number of images for a budget.

    Attributes:
        pruner: with the features of the pool, and those of the target less the held-out images.
        held_out: target images that neither a ranking nor a proxy student has seen.
        seed: of random selections.
        candidates: spellings of the selections to try.
        by_rule: makes the payload of a rule within a number of bytes, of the target less the
            held-out images; raises `NoRoom` if none fits. None: rules are not tried.

    Raises:
        ValueError: if the pruner has no features.
    """

    pruner: Pruner
    held_out: Target
    seed: int = 0
    candidates: Sequence[str] = CANDIDATES
    by_rule: Callable[[int], Pruned] | None = None

    def __post_init__(self) -> None:
        if self.pruner.features is None or self.pruner.target is None:
            raise ValueError("an automatic selection reads the features of pool and target")

    def select(
        self, budget: int, *, progress: Progress | None = None, within: float | None = None
    ) -> Pruned:
        """Try the candidates and return the payload of the best; its `auto` lists them all.

        Args:
            budget: most bytes of the whole file.
            progress: hears of each candidate.
            within: seconds after which no further candidate is begun; at least one is tried.

        Raises:
            NoRoom: if not even a file without an image fits the budget.
        """
        from ..features.head import fit_default_head  # torch: other selections do without.

        started = time.monotonic()
        tried: list[Candidate] = []
        best: tuple[Candidate, Pruned] | None = None
        jobs = [(text, part) for part in PARTS for text in self.candidates]
        if self.by_rule is not None:
            # After the lists: the search takes as long as many of them. A rule finds its number
            # of images by itself, so a part of the budget is not tried.
            jobs.insert(len(self.candidates), (RULE, 1))
        with (progress or Silence()).track("Trying selections", len(jobs)) as advance:
            for text, part in jobs:
                advance(1)
                if best is not None and within is not None and _since(started) >= within:
                    tried.append(_not_tried(text, "no time left"))
                    continue
                try:
                    found, pruned = self._try(text, budget // part)
                except NoRoom:
                    if text == RULE:
                        tried.append(_not_tried(text, "no room for a rule"))
                    elif part == 1:
                        raise
                    continue  # A quarter of the budget has no room for the empty file.
                tried.append(found)
                if best is None or found.order > best[0].order:
                    best = found, pruned
        assert best is not None
        _, target = self._features
        ceiling = fit_default_head(target.features, target.labels, self._classes)
        labels = self.held_out.labels
        auto = AutoSelection.of(
            best[0],
            tuple(tried),
            budget=budget,
            held_out_images=len(labels),
            held_out_teacher=ceiling.accuracy(self.held_out),
            floor=float(np.bincount(labels).max() / len(labels)),
            seconds=_since(started),
        )
        return replace(best[1], auto=auto)

    def student(self, payload: Payload) -> Head | None:
        """The proxy student of a payload, or None if it keeps no image."""
        from ..features.head import fit_default_head

        if payload.kept == 0:
            return None
        # What a client gets: positions and labels, nothing else.
        features, _ = self._features
        seen = np.asarray(features[payload.positions])
        return fit_default_head(seen, payload.labels, self._classes)

    @property
    def _features(self) -> tuple[Features, Target]:
        assert self.pruner.features is not None and self.pruner.target is not None
        return self.pruner.features, self.pruner.target

    @property
    def _classes(self) -> int:
        return len(self.pruner.table.classes)

    def _try(self, text: str, budget: int) -> tuple[Candidate, Pruned]:
        started = time.monotonic()
        pruned = self._made(text, budget)
        student = self.student(pruned.payload)
        reached = 0.0 if student is None else student.accuracy(self.held_out)
        assert pruned.payload_bytes is not None
        kept, size = pruned.payload.kept, pruned.payload_bytes
        shape = None if pruned.by_rule is None else pruned.by_rule.record.shape
        selection = str(pruned.selection)
        return Candidate(selection, kept, size, reached, _since(started), rule=shape), pruned

    def _made(self, text: str, budget: int) -> Pruned:
        if text == RULE:
            assert self.by_rule is not None
            return self.by_rule(budget)
        return self.pruner.prune(parse(text, seed=self.seed), Size(budget=budget))


def _not_tried(text: str, note: str) -> Candidate:
    selection = text if text == RULE else str(parse(text))
    return Candidate(selection, 0, 0, 0.0, 0.0, note)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)
