"""The automatic choice: which selection trains the best student from a number of bytes.

The paper picks the best of its selections by test accuracy. A server has no test images of its
clients, but it has the target task: a part of it is held out, small students are trained on
candidate payloads, and the payload whose student does best on the held-out images is chosen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from pladafmt import dumps

from ..compute.progress import Progress
from ..errors import Misuse
from ..features.head import Head, fit_default_head
from ..features.target import Features, Target
from ..labelling.scores import ScoreTable
from .budget import fit
from .prune import Pruned, Pruner, evidence_of
from .ranked import rank
from .rule import Selection, parse

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
whom no head stands for (docs/selection.md).
"""

PARTS = (1, 4)
"""Each is tried with the whole budget, then with a quarter of it: wrong pseudo-labels can make the
larger payload the worse one."""

HELD_OUT = 0.2
"""The part of the target's images of each class that chooses and is not chosen by."""

CARRIED = 0.5
"""The part of the way from guessing to a student of the target's own images that a payload's
student has to go, or the verdict is that the pool cannot carry the task."""


@dataclass(frozen=True)
class Candidate:
    """One payload that was tried.

    Attributes:
        selection: the selection's name.
        kept: images.
        payload_bytes: size of the whole file.
        held_out_accuracy: of the proxy student, 0 to 1.
        seconds: for ranking, fitting the budget and training.
        note: why it was not tried, else empty.
    """

    selection: str
    kept: int
    payload_bytes: int
    held_out_accuracy: float
    seconds: float
    note: str = ""

    @property
    def order(self) -> tuple[float, int]:
        """What candidates are compared by: accuracy, and among equals the smaller file."""
        return self.held_out_accuracy, -self.payload_bytes


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen, and everything it was compared with.

    Attributes:
        rule: the selection that is chosen.
        pruned: its payload.
        payload_bytes: size of the whole file.
        budget: bytes that were allowed.
        candidates: all payloads in the order in which they were tried.
        held_out_images: images that chose.
        held_out_accuracy: of the chosen payload's student, 0 to 1.
        held_out_teacher: accuracy of a head trained on the target's own images, 0 to 1.
        floor: accuracy of always naming the most frequent class, 0 to 1.
        seconds: for all of it.
    """

    rule: Selection
    pruned: Pruned
    payload_bytes: int
    budget: int
    candidates: tuple[Candidate, ...]
    held_out_images: int
    held_out_accuracy: float
    held_out_teacher: float
    floor: float
    seconds: float

    @property
    def carried(self) -> bool:
        """Whether the pool can carry the task, see `CARRIED`."""
        gained = self.held_out_accuracy - self.floor
        return gained > 0 and gained >= CARRIED * (self.held_out_teacher - self.floor)

    @property
    def verdict(self) -> str:
        """What a user should know before anything is sent."""
        facts = (
            f"of {self.held_out_images:,} held-out target images its student gets "
            f"{100 * self.held_out_accuracy:.1f} %, one trained on the target's own images "
            f"{100 * self.held_out_teacher:.1f} %, and naming the most frequent class "
            f"{100 * self.floor:.1f} %"
        )
        if self.carried:
            return f"{self.rule.name} is the best of {len(self.candidates)} payloads: {facts}."
        return (
            f"This pool cannot carry this task in {self.budget:,} bytes. The best of "
            f"{len(self.candidates)} payloads is by {self.rule.name}: {facts}. Send weights or "
            "images instead, or use a pool that is nearer to the task."
        )

    def to_json(self) -> dict[str, Any]:
        """The choice as JSON values."""
        return {
            "budget": self.budget,
            "chosen": self.rule.name,
            "kept": self.pruned.payload.kept,
            "payload_bytes": self.payload_bytes,
            "held_out_images": self.held_out_images,
            "held_out_accuracy": self.held_out_accuracy,
            "held_out_teacher": self.held_out_teacher,
            "floor": self.floor,
            "carried": self.carried,
            "verdict": self.verdict,
            "seconds": self.seconds,
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }


@dataclass(frozen=True, eq=False)
class Chooser:
    """Chooses score, tail, Safety-Net and number of images for a budget.

    Attributes:
        table: the pool's scores.
        features: of the pool's images by a frozen backbone, shape (N, D).
        target: the server's target images less the held-out ones, in the same features.
        held_out: target images that no proxy student and no ranking sees.
        dense, named, metadata: as the file will be encoded.
        seed: of random selections.
        candidates: spellings of `plada_ref.selection.parse`.
    """

    table: ScoreTable
    features: Features
    target: Target
    held_out: Target
    dense: bool = False
    named: bool = True
    metadata: dict[str, Any] | None = None
    seed: int = 0
    candidates: Sequence[str] = CANDIDATES
    _pruners: dict[str, Pruner] = field(default_factory=dict)

    def pruner(self, selection: str) -> Pruner:
        """The table in the order of a selection; ranked once, for any number of budgets."""
        if selection not in self._pruners:
            evidence = evidence_of(self.table, self.features, self.target)
            ranked = rank(evidence, parse(selection, seed=self.seed))
            self._pruners[selection] = Pruner(self.table, ranked, self.metadata, self.named)
        return self._pruners[selection]

    def largest(self, selection: str, budget: int) -> tuple[Pruned, int]:
        """The largest payload by a selection that fits, and its bytes.

        Raises:
            Misuse: if not even a file without an image fits the budget.
        """
        pruner = self.pruner(selection)

        def size_of(keep: int) -> int:
            return len(dumps(pruner(keep).payload, dense=self.dense))

        found = fit(size_of, len(self.table), budget)
        return pruner(found.keep), found.size

    def student(self, pruned: Pruned) -> Head | None:
        """The proxy student of a payload, or None if it keeps no image."""
        payload = pruned.payload
        if payload.kept == 0:
            return None
        # What a client gets: positions and labels, nothing else.
        seen = np.asarray(self.features[payload.positions])
        return fit_default_head(seen, payload.labels, len(self.table.classes))

    def choose(self, budget: int, *, progress: Progress, within: float | None = None) -> Choice:
        """Try the candidates and choose one.

        Args:
            budget: most bytes of the whole file.
            progress: hears of each candidate.
            within: seconds after which no further candidate is begun; at least one is tried.

        Raises:
            Misuse: if not even a file without an image fits the budget.
        """
        started = time.monotonic()
        tried: list[Candidate] = []
        best: tuple[Candidate, Selection, Pruned] | None = None
        jobs = [(text, part) for part in PARTS for text in self.candidates]
        with progress.track("Trying selections", len(jobs)) as advance:
            for text, part in jobs:
                advance(1)
                rule = parse(text, seed=self.seed)
                if best is not None and within is not None and _since(started) >= within:
                    tried.append(Candidate(rule.name, 0, 0, 0.0, 0.0, "no time left"))
                    continue
                try:
                    found, pruned = self._try(text, rule, budget // part)
                except Misuse:
                    if part == 1:
                        raise
                    continue  # A quarter of the budget has no room for the empty file.
                tried.append(found)
                if best is None or found.order > best[0].order:
                    best = found, rule, pruned
        assert best is not None
        classes = len(self.table.classes)
        ceiling = fit_default_head(self.target.features, self.target.labels, classes)
        return Choice(
            rule=best[1],
            pruned=best[2],
            payload_bytes=best[0].payload_bytes,
            budget=budget,
            candidates=tuple(tried),
            held_out_images=len(self.held_out.labels),
            held_out_accuracy=best[0].held_out_accuracy,
            held_out_teacher=ceiling.accuracy(self.held_out),
            floor=float(np.bincount(self.held_out.labels).max() / len(self.held_out.labels)),
            seconds=_since(started),
        )

    def _try(self, text: str, rule: Selection, budget: int) -> tuple[Candidate, Pruned]:
        started = time.monotonic()
        pruned, size = self.largest(text, budget)
        student = self.student(pruned)
        reached = 0.0 if student is None else student.accuracy(self.held_out)
        kept = pruned.payload.kept
        return Candidate(rule.name, kept, size, reached, _since(started)), pruned


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)
