"""The one way from a score table to payloads: by any selection, of any size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pladafmt import Payload, Rule

from ..compute.progress import Progress, Silence
from ..errors import Misuse
from ..labelling.scores import ScoreTable
from .auto import CANDIDATES, HELD_OUT, WHOLE_CANDIDATES, AutoSelector
from .comparison import Comparison
from .prune import PayloadOptions, Pruned, Pruner
from .rankings.registry import RANKINGS
from .rule import Choice, RuleSelection, choose
from .size import Size
from .students import FINETUNE, KINDS, Students, chosen_kinds, whole_students

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..features.target import Target
    from ..tasks.task import Task
    from .rules.produce import CodedTask
    from .rules.source import RuleSource


def prune(
    table: ScoreTable,
    selection: Choice | str = "low-energy",
    *,
    keep_rate: float | None = None,
    count: int | None = None,
    budget: int | None = None,
    comparison: Comparison | None = None,
    options: PayloadOptions | None = None,
    rules: RuleSource | None = None,
    students: Sequence[str] | None = None,
) -> Pruned:
    """Return the payload that a selection makes of a score table, and what it did to each class.

    Args:
        table: the pool's scores.
        selection: a `Selection`, or its spelling as `plada_ref.selection.choose` reads it.
        keep_rate: kept images / pool size; exactly one of this, `count` and `budget` is given.
        count: number of kept images.
        budget: bytes of the whole file, of which as many images are kept as fit.
        comparison: the images, for rankings that compare them, and for ``auto``.
        options: class names, metadata, and whether a budget counts on the dense encoding. When
            None, `PayloadOptions` with ``described=True``, as ``plada prune`` has it.
        rules: codes of the pool's images, for ``rule``; with a coder, ``auto`` tries a rule too.
        students: the kinds of the clients' students, by which ``auto`` chooses, of
            `plada_ref.selection.students.KINDS`; all that can be tried when None.

    Raises:
        Misuse: for an unknown selection or a size out of range; if images are needed and there is
            no `comparison`; if a budget has no room for the empty file.
        PipelineError: if an image cannot be read or is not the one that the pool lists.
    """
    kinds = None if students is None else chosen_kinds(",".join(students))
    how = options or PayloadOptions(described=True)
    producer = Producer(table, comparison, how, rules=rules, kinds=kinds)
    chosen = choose(selection) if isinstance(selection, str) else selection
    return producer.make(chosen, Size(keep_rate=keep_rate, count=count, budget=budget))


@dataclass(frozen=True, eq=False)
class Producer:
    """Makes payloads from one score table.

    Attributes:
        table: the pool's scores.
        comparison: the images, for rankings that compare them and the automatic selection; None
            allows the other rankings only.
        options: of the payloads.
        seed: of held-out images and random candidates.
        progress: hears how far the work is.
        rules: codes of the pool's images, for rules; with a coder, the automatic selection tries a
            rule too.
        kinds: of the students by which the automatic selection chooses, see
            `plada_ref.selection.students`; all that can be tried when None.
        hard_labels: clients learn of a rule each image's class, not the scores of all classes.
    """

    table: ScoreTable
    comparison: Comparison | None = None
    options: PayloadOptions = field(default_factory=PayloadOptions)
    seed: int = 0
    progress: Progress = field(default_factory=Silence)
    rules: RuleSource | None = None
    kinds: tuple[str, ...] | None = None
    hard_labels: bool = False

    def make(self, selection: Choice, size: Size, *, within: float | None = None) -> Pruned:
        """Return the payload by `selection`, or by the automatic selection when None, of a size.

        Args:
            within: seconds after which the automatic selection begins no further trial.

        Raises:
            Misuse: if images or codes are needed and there are none, if a budget has no room for
                the empty file or a rule, or if an automatic selection is not given a budget.
            PipelineError: if an image cannot be read or is not the one that the pool lists.
        """
        if selection is None:
            if size.budget is None:
                raise Misuse("The automatic selection needs a number of bytes; give --budget.")
            return self._selector.select(size.budget, progress=self.progress, within=within)
        if isinstance(selection, RuleSelection):
            return self._by_rule(size)
        pruner = self._comparing if RANKINGS[selection.ranking].compares else self._by_score
        pruner.ranked(selection)  # Before the search, which would count it as a size.
        if size.budget is None:
            return pruner.prune(selection, size)
        with self.progress.track("Trying sizes", None) as advance:
            return pruner.prune(selection, size, advance=advance)

    def _by_rule(self, size: Size) -> Pruned:
        rules = self.rules
        if rules is None:
            raise Misuse(
                "A rule is over the codes of the pool's images: give --manifest, beside which they "
                "are found, or --codes."
            )
        return rules.make(
            self.table, size, self._coded, self.options, seed=self.seed, progress=self.progress
        )

    @cached_property
    def _coded(self) -> CodedTask | None:
        """The whole task as codes; None if rules are fitted to the teacher's labels."""
        rules, seen = self.rules, self.comparison
        if rules is None or rules.coder is None:
            return None
        if seen is not None:
            return rules.coded(
                seen.task, self.table, seed=self.seed, by=seen.backbone, target=lambda: seen.target
            )
        return None if rules.task is None else rules.coded(rules.task, self.table, seed=self.seed)

    @cached_property
    def _by_score(self) -> Pruner:
        return Pruner(self.table, self.options)

    @cached_property
    def _comparing(self) -> Pruner:
        if self.comparison is None:
            return self._by_score  # It says which images a ranking lacks.
        seen = self.comparison
        return Pruner(self.table, self.options, seen.features, seen.target, seen.unreadable)

    @cached_property
    def _selector(self) -> AutoSelector:
        if self.comparison is None:
            raise Misuse(
                "The automatic selection compares pool images with images of the task: give "
                "--task, --manifest, --pool and --model."
            )
        from ..tasks.task import hold_out  # PIL: other selections do without.

        rest, held_out = hold_out(self.comparison.task, HELD_OUT, seed=self.seed)
        kinds, whole = self._students(held_out)  # What cannot be tried is said before the work.
        started = time.monotonic()
        features, target = self.comparison.features, self.comparison.part_of_target(rest)
        unreadable = self.comparison.unreadable
        pruner = Pruner(self.table, self.options, features, target, unreadable)
        seen = self.comparison.part_of_target(held_out)
        spent = {"features": time.monotonic() - started}
        return AutoSelector(
            pruner,
            seen,
            self.seed,
            WHOLE_CANDIDATES if whole else CANDIDATES,
            by_rule=self._rules_for(rest, target),
            kinds=kinds,
            whole=whole,
            soft=None if self.hard_labels else self._soft,
            again=lambda selection, budget: self.make(selection, Size(budget=budget)),
            spent=spent,
        )

    def _students(self, held_out: Task) -> tuple[tuple[str, ...], Sequence[Students]]:
        """The kinds that decide, and what trains those that are not heads."""
        seen = self.comparison
        assert seen is not None
        asked = self.kinds
        if asked is None:
            asked = KINDS
            if seen.spec.is_random:
                asked = tuple(kind for kind in KINDS if kind != FINETUNE)
                self.progress.warn(
                    "No students that are fine-tuned are tried: there are no pre-trained weights "
                    "to begin with."
                )
        whole = whole_students(
            asked, seen.spec, seen.pool, held_out, seen.backbone.compute, seed=self.seed
        )
        return asked, whole

    def _soft(self, payload: Payload, rule: Rule) -> npt.NDArray[np.float32]:
        from ..training.soft_labels import soft_labels

        assert self.rules is not None
        return soft_labels(payload, rule, self.rules.codes)

    def _rules_for(self, task: Task, target: Target) -> Callable[[int], Pruned] | None:
        """What makes a rule for a part of the task within a number of bytes; None if nothing.

        Args:
            target: the part as the comparison's backbone sees it.
        """
        rules, seen = self.rules, self.comparison
        if rules is None or rules.coder is None or seen is None:
            return None
        try:
            coded = rules.coded(
                task, self.table, seed=self.seed, by=seen.backbone, target=lambda: target
            )
        except Misuse as exc:  # Such as that so few images cannot be divided again.
            self.progress.warn(f"No rule is tried. {exc}")
            return None
        return lambda budget: rules.make(
            self.table, Size(budget=budget), coded, self.options, seed=self.seed
        )
