"""The automatic selection: which selection trains the best student from a number of bytes.

The paper picks the best of its selections by test accuracy. A server has no test images of its
clients, but it has the target task: a part of it is held out, small students are trained on
candidate payloads, and the payload whose student does best on the held-out images is chosen. What
teaches one kind of student need not teach another; of clients of several kinds, or of an unknown
one, the payload is chosen whose student is least behind the best of its kind, for any kind.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pladafmt import Payload, Rule

from ..compute.progress import Progress, Silence
from ..features.target import Features, Target
from .auto_record import (
    AutoSelection,
    Candidate,
    best_of,
    is_clearly_less,
    regrets,
    to_make_again,
)
from .budget import NoRoom
from .prune import Pruned, Pruner
from .rankings.registry import RANKINGS
from .rule import RULE, RuleSelection, Selection, parse
from .size import Size
from .students import HEAD, Students

if TYPE_CHECKING:
    from ..features.head import Head

CANDIDATES = (
    "herding",
    "gradient-matching",
    "herding-confident",
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

BALANCED = "safety-net:alpha=0,share=1"
"""Equally many images of each class."""

WHOLE_CANDIDATES = (
    "herding",
    "low-energy",
    f"low-energy+{BALANCED}",
    f"high-margin+{BALANCED}",
    "herding-confident",
    "mixed",
    "low-energy+safety-net:alpha=-0.2,share=0.5",
    "random",
    "gradient-matching",
)
"""Those that are tried where students train whole, each of which takes long."""

PARTS = (1, 4)
"""Each is tried with the whole budget, then with a quarter of it: wrong pseudo-labels can make the
larger payload the worse one."""

FINALISTS = 3
"""How many are tried with a quarter where students train whole, which takes them long."""

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
        kinds: of the students that decide, see `plada_ref.selection.students`.
        whole: trains those of them that are not heads.
        soft: gives the soft labels that whole students of a rule learn; None: its hard ones.
        again: makes the payload of a selection within a number of bytes of the whole target, the
            held-out images too, as it is sent; raises `NoRoom` if none fits. None: what is tried is
            sent.
        spent: seconds by what they were spent on before.

    Raises:
        ValueError: if the pruner has no features.
    """

    pruner: Pruner
    held_out: Target
    seed: int = 0
    candidates: Sequence[str] = CANDIDATES
    by_rule: Callable[[int], Pruned] | None = None
    kinds: tuple[str, ...] = (HEAD,)
    whole: Sequence[Students] = ()
    soft: Callable[[Payload, Rule], npt.NDArray[np.float32]] | None = None
    again: Callable[[Selection | RuleSelection, int], Pruned] | None = None
    spent: Mapping[str, float] = field(default_factory=dict)

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
        stages = defaultdict(float, self.spent)
        tried: list[tuple[Candidate, Pruned]] = []
        listed: list[Candidate] = []

        def attempt(text: str, part: int) -> None:
            if tried and within is not None and _since(started) >= within:
                listed.append(_not_tried(text, "no time left"))
                return
            try:
                found = self._try(text, budget // part, stages)
            except NoRoom:
                if text == RULE:
                    listed.append(_not_tried(text, "no room for a rule"))
                elif part == 1:
                    raise
                return  # A quarter of the budget has no room for the empty file.
            tried.append(found)
            listed.append(found[0])

        first, second = PARTS
        # The rule after the lists: its search takes as long as many of them. It finds its number of
        # images by itself, so a part of the budget is not tried.
        jobs = [*self.candidates, *([] if self.by_rule is None else [RULE])]
        finals = min(FINALISTS, len(self.candidates)) if self.whole else len(self.candidates)
        with (progress or Silence()).track("Trying selections", len(jobs) + finals) as advance:
            for text in jobs:
                advance(1)
                attempt(text, first)
            for text in self._finalists(tried, finals):
                advance(1)
                attempt(text, second)
        late = within is not None and _since(started) >= within
        best, pruned, kept = self._best(tried, listed, stages, late=late)
        assert pruned.payload_bytes is not None
        labels = self.held_out.labels
        _, target = self._features
        ceiling = fit_default_head(target.features, target.labels, self._classes)
        auto = AutoSelection.of(
            best,
            tuple(listed),
            budget=budget,
            held_out_images=len(labels),
            held_out_teacher=ceiling.accuracy(self.held_out),
            floor=float(np.bincount(labels).max() / len(labels)),
            seconds=_since(started),
            kinds=self.kinds,
            stages={name: round(seconds, 1) for name, seconds in stages.items()},
        )
        return replace(
            pruned,
            auto=replace(
                auto,
                kept=pruned.payload.kept,
                payload_bytes=pruned.payload_bytes,
                verdict=auto.verdict + kept,
            ),
        )

    def student(self, payload: Payload) -> Head | None:
        """The proxy student of a payload, or None if it keeps no image."""
        from ..features.head import fit_default_head

        if payload.kept == 0:
            return None
        # What a client gets: positions and labels, nothing else.
        features, _ = self._features
        seen = np.asarray(features[payload.positions])
        return fit_default_head(seen, payload.labels, self._classes)

    def _best(
        self,
        tried: Sequence[tuple[Candidate, Pruned]],
        listed: list[Candidate],
        stages: dict[str, float],
        *,
        late: bool,
    ) -> tuple[Candidate, Pruned, str]:
        """The best candidate, the payload that is sent, and what else is to be said of it.

        The best few are made again from all target images. The images of such a payload are chosen
        anew, and a few can spoil a small one. Its head names the held-out images, too: the best is
        chosen by both heads. Those images have helped to choose the second payload, so where it
        loses by `LEAD` standard errors all the same, what was tried is sent.

        Args:
            tried: candidates and their payloads.
            listed: all candidates; of those that are made again it is noted there.
            late: only one is made again, since time has run out.
        """
        images = len(self.held_out.labels)
        found = [one for one, _ in tried]
        made: dict[int, Pruned] = {}
        for number in to_make_again(found, self.kinds, images)[: 1 if late else None]:
            one, payload = tried[number]
            with _timed(stages, "made again"):
                made[number], reached = self._made_again(one, payload)
            found[number] = replace(one, again=reached)
            listed[listed.index(one)] = found[number]
        number = best_of(found, self.kinds, images)
        best, payload, again = found[number], tried[number][1], made[number]
        if best.again is None or not is_clearly_less(best.again, best.held_out_accuracy, images):
            return best, again, ""
        why = (
            "it has no room"
            if again is payload
            else f"its payload teaches a head only {100 * best.again:.1f} % of the held-out ones, "
            f"the payload that was tried {100 * best.held_out_accuracy:.1f} %"
        )
        said = f" Made again from all target images, {why}: what was tried is kept."
        return best, payload, said

    def _made_again(self, one: Candidate, tried: Pruned) -> tuple[Pruned, float | None]:
        """The payload of a candidate as it is sent, and what a head gets of the held-out images.

        It is the one that was tried where nothing makes another, where it depends on the scores
        alone, and where there is no room for another, of which a head gets nothing.
        """
        selection = tried.selection
        by_scores = isinstance(selection, Selection) and not RANKINGS[selection.ranking].compares
        if self.again is None or by_scores:
            return tried, None if self.again is None else one.held_out_accuracy
        try:
            again = self.again(selection, one.budget)
        except NoRoom:  # For a rule of all images, which is another.
            return tried, 0.0
        return again, self._reached(again.payload)

    def _reached(self, payload: Payload) -> float:
        """What a head that is trained on a payload gets of the held-out images, 0 to 1."""
        head = self.student(payload)
        return 0.0 if head is None else head.accuracy(self.held_out)

    @property
    def _features(self) -> tuple[Features, Target]:
        assert self.pruner.features is not None and self.pruner.target is not None
        return self.pruner.features, self.pruner.target

    @property
    def _classes(self) -> int:
        return len(self.pruner.table.classes)

    def _finalists(self, tried: Sequence[tuple[Candidate, Pruned]], count: int) -> list[str]:
        """The lists that are tried with a part of the budget, in the order of the candidates."""
        if not self.whole:
            return list(self.candidates)
        found = [one for one, _ in tried]
        order = sorted(
            zip(regrets(found, self.kinds), [one.selection for one in found], strict=True)
        )
        best = [name for _, name in order if name != RULE][:count]
        return [text for text in self.candidates if str(parse(text, seed=self.seed)) in best]

    def _try(self, text: str, budget: int, stages: dict[str, float]) -> tuple[Candidate, Pruned]:
        started = time.monotonic()
        with _timed(stages, "rules" if text == RULE else "selections"):
            pruned = self._made(text, budget)
        payload, by_rule = pruned.payload, pruned.by_rule
        with _timed(stages, HEAD):
            reached = self._reached(payload)
        soft = None
        if by_rule is not None and self.soft is not None and self.whole:
            soft = self.soft(payload, by_rule.rule)
        others = {}
        for students in self.whole:
            with _timed(stages, students.kind):
                others[students.kind] = students.accuracy(payload, soft) if payload.kept else 0.0
        assert pruned.payload_bytes is not None
        found = Candidate(
            str(pruned.selection),
            payload.kept,
            pruned.payload_bytes,
            reached,
            _since(started),
            rule=None if by_rule is None else by_rule.record.shape,
            budget=budget,
            students=others,
        )
        return found, pruned

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


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    stages[name] += time.monotonic() - started
