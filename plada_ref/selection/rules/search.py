"""Which rule: columns, levels and images per class, within a number of bytes or of images."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pladafmt import Codes, Payload, Rule, chunks, dumps, layout
from pladafmt.rules import chunk as rule_chunk
from pladafmt.rules.rule import Kept
from pladafmt.varint import write as varint

from ...compute.progress import Progress, Silence
from ...errors import Misuse
from ..budget import NoRoom
from ..quotas import count_of, quotas
from ..rule_record import RuleRecord, Trial
from ..size import Size
from .fit import Examples, Linear, fit
from .quantise import Quantised, Quantiser
from .thresholds import Counts, Rows, keep, open_rule

TOPS = (1, 3, 7)
"""Largest weights that are tried: 3, 7 and 15 levels."""

STEPS = tuple(0.4 * 1.13**number for number in range(18))
"""Deviations of the weights that an integer of 1 stands for, 0.4 to 3.2. Long steps make more
zeros, so fewer bytes."""

ENOUGH = 3
"""Steps in a row that make a rule worse, after which longer ones are not tried."""

FEWEST_COLUMNS = 16

PER_CLASS = 4500
MOST_OF_POOL = 0.3
"""Images per class, at most: this many, and this part of an equal share of the pool. All 50,000
images by a rule taught a ResNet-18 from scratch 9 points less than the 15,000 of largest margin."""

PARTS = (1, 3)
"""The most images per class are tried, and a third of them."""

TRIED_ON = 200_000
"""Images of the pool among which candidates keep theirs; the chosen rule is made for all images."""


@dataclass(frozen=True, eq=False)
class Found:
    """A rule, the payload that it stands for, and how it was found."""

    rule: Rule
    payload: Payload
    payload_bytes: int
    record: RuleRecord


class Judge(Protocol):
    """Says how good a rule is."""

    @property
    def held_out(self) -> Examples:
        """The images that it judges by."""
        ...

    @property
    def name(self) -> str:
        """What these are images of: ``"task"`` or ``"pool"``."""
        ...

    @property
    def tells_numbers(self) -> bool:
        """Whether it tells rules apart that keep other numbers of images."""
        ...

    def accuracy(self, rule: Rule, codes: npt.NDArray[np.int8], kept: Kept) -> float:
        """Judge a rule that keeps `kept` of the images with these codes; 0 to 1."""
        ...


@dataclass(frozen=True, eq=False)
class TaskJudge:
    """By held-out images of the task: the accuracy of a student of what the rule keeps.

    The student is a linear classifier on all the codes, fitted in a second: it stands for the
    students that clients train, and is none of them.
    """

    held_out: Examples
    name: str = field(default="task", init=False)
    tells_numbers: bool = field(default=True, init=False)

    def accuracy(self, rule: Rule, codes: npt.NDArray[np.int8], kept: Kept) -> float:
        """See `Judge`."""
        if not len(kept.positions):
            return 0.0
        seen = Examples(codes[kept.positions], kept.labels, self.held_out.classes)
        student = fit(seen, codes.shape[1])
        right = 0
        for part in self.held_out.parts(codes.shape[1]):
            scores = self.held_out.inputs(part, codes.shape[1]) @ student.weights.T + student.biases
            right += int((scores.argmax(axis=1) == self.held_out.targets[part]).sum())
        return right / len(self.held_out)


@dataclass(frozen=True, eq=False)
class PoolJudge:
    """By held-out images of the pool: how often the rule's class is the teacher's."""

    held_out: Examples
    name: str = field(default="pool", init=False)
    tells_numbers: bool = field(default=False, init=False)

    def accuracy(self, rule: Rule, codes: npt.NDArray[np.int8], kept: Kept) -> float:
        """See `Judge`."""
        right = 0.0
        for part in self.held_out.parts(rule.columns):
            labels = rule.scores(self.held_out.codes[part]).argmax(axis=1)
            right += float(self.held_out.shares[part] @ (labels == self.held_out.targets[part]))
        return min(1.0, right)  # Shares add up to 1 but for rounding.


@dataclass(frozen=True, eq=False)
class RuleSearch:
    """Finds the rule for a task and a pool.

    Attributes:
        codes: of the pool's images, of all of them.
        empty: a payload without images: pool, classes and metadata of the one to make.
        examples: what candidates are fitted to.
        judge: what they are judged by; it has seen none of `examples`.
        final: what the chosen rule is fitted to: `examples`, and those that the judge held back.
        seed: of the images that candidates are tried on.
        progress: hears of each candidate.
        never: positions of images that the rule may not keep, ascending: they do not decode.
    """

    codes: Codes
    empty: Payload
    examples: Examples
    judge: Judge
    final: Examples
    seed: int = 0
    progress: Progress = field(default_factory=Silence)
    never: Rows = field(default_factory=lambda: np.zeros(0, np.int64))

    def find(self, size: Size) -> Found:
        """Find the rule of the best accuracy for a size.

        Of a number of images, as many are kept as its thresholds can tell: nearly so many.

        Raises:
            NoRoom: if the budget has no room for a rule.
            Misuse: if the pool has no images, or the task one class.
        """
        if self.empty.pool.size == 0 or self.examples.classes < 2:
            raise Misuse("A rule needs a pool with images, and two classes or more.")
        trials: list[Trial] = []
        with self.progress.track("Trying rules", None) as advance:
            for columns, top, found in self._candidates(size.budget):
                trials += self._tried(columns, top, found, size)
                advance(1)
        if not trials:
            raise NoRoom(
                f"A budget of {size.budget:,} bytes is too small for a rule: the file takes "
                f"{self._base:,} without one. Raise the budget, or leave out class names "
                "(--unnamed) or metadata (--no-metadata)."
            )
        best = _best(trials, len(self.judge.held_out), size)
        return self._made(best, tuple(trials), size)

    def _candidates(self, budget: int | None) -> Iterator[tuple[int, int, Quantised]]:
        """Yield, for each number of columns and levels, the best rounding that fits."""
        linear: Linear | None = None
        for columns in _columns(self.codes.columns):
            linear = fit(self.examples, columns, start=linear)
            quantiser = Quantiser(linear, self.examples)
            fitting = False
            for top in TOPS:
                found = self._best_step(quantiser, top, budget)
                if found is not None:
                    fitting = True
                    yield columns, top, found
            if not fitting:
                return  # More columns take more bytes.

    def _best_step(self, quantiser: Quantiser, top: int, budget: int | None) -> Quantised | None:
        """The rounding of least loss among those whose file fits."""

        def fits(step: float) -> bool:
            return budget is None or self._size_before(quantiser.rounded(top, step)) <= budget

        if not fits(STEPS[-1]):
            return None
        first = bisect_left(STEPS, True, key=fits)  # Longer steps take fewer bytes.
        best: tuple[float, Quantised] | None = None
        worse = 0
        for step in STEPS[first:]:
            loss, found = quantiser.refitted(quantiser.rounded(top, step))
            if best is None or loss < best[0]:
                best, worse = (loss, found), 0
            elif (worse := worse + 1) == ENOUGH:
                break
        return None if best is None else best[1]

    def _tried(self, columns: int, top: int, found: Quantised, size: Size) -> list[Trial]:
        codes = self._trial_codes
        rule = open_rule(found, codes.id_of(len(codes)))
        every = rule.keep(codes, len(codes))
        never = self._trial_never
        trials: list[Trial] = []
        for per_class, counts in self._counts(every, never, size):
            whole = keep(rule, every, counts * len(codes) // self.empty.pool.size, never)
            payload_bytes = self._size(whole)
            if size.budget is not None and payload_bytes > size.budget:
                continue
            if trials and not self.judge.tells_numbers:
                accuracy = trials[0].accuracy
            else:
                kept = whole.keep(codes, len(codes))
                accuracy = self.judge.accuracy(whole, codes.table, kept)
            trials.append(Trial(columns, top, per_class, payload_bytes, accuracy))
        return trials

    def _made(self, best: Trial, trials: tuple[Trial, ...], size: Size) -> Found:
        """Make the chosen rule anew, of all examples and for all images."""
        quantiser = Quantiser(fit(self.final, best.columns), self.final)
        images = self.empty.pool.size
        room = size.budget
        while True:
            found = self._best_step(quantiser, best.top, room)
            if found is None:
                raise NoRoom(
                    f"A budget of {size.budget:,} bytes is too small for this rule of "
                    f"{best.payload_bytes:,} bytes; raise it a little."
                )
            rule = open_rule(found, self.codes.id_of(images))
            every = rule.keep(self.codes, images)
            (counts,) = (
                counts
                for number, counts in self._counts(every, self.never, size)
                if number == best.per_class
            )
            rule = keep(rule, every, counts, self.never)
            there = every.margins >= rule.thresholds[every.labels]
            payload = replace(
                self.empty, positions=every.positions[there], labels=every.labels[there]
            )
            written = len(dumps(payload, rule=rule, codes=self.codes))
            if size.budget is None or room is None or written <= size.budget:
                record = RuleRecord(
                    best.columns, best.top, best.per_class, self.judge.name, best.accuracy, trials
                )
                return Found(rule, payload, written, record)
            room -= written - size.budget

    def _counts(self, every: Kept, never: Rows, size: Size) -> Iterator[tuple[int, Counts]]:
        """Yield (images per class on average, images of each class in the whole pool)."""
        images, classes = self.empty.pool.size, self.examples.classes
        there = np.bincount(every.labels, minlength=classes)
        there -= np.bincount(every.labels[never], minlength=classes)
        supply = there * images // len(every.labels)
        if size.budget is None:
            count = count_of(images, keep_rate=size.keep_rate, count=size.count)
            yield count // classes, quotas(supply, count, 0.0)
            return
        most = max(1, min(PER_CLASS, int(MOST_OF_POOL * images / classes)))
        for number in dict.fromkeys(max(1, most // part) for part in PARTS):
            yield number, np.minimum(supply, number)

    @cached_property
    def _trial_codes(self) -> Codes:
        images, drawn = self.empty.pool.size, self._drawn
        if drawn is not None:
            return Codes(self.codes.table[drawn])
        return self.codes if len(self.codes) == images else Codes(self.codes.table[:images])

    @cached_property
    def _trial_never(self) -> Rows:
        drawn = self._drawn
        return self.never if drawn is None else np.flatnonzero(np.isin(drawn, self.never))

    @cached_property
    def _drawn(self) -> Rows | None:
        """Positions of the images that candidates are tried on; None for the whole pool."""
        images = self.empty.pool.size
        if images <= TRIED_ON:
            return None
        drawn = np.random.default_rng(self.seed).choice(images, TRIED_ON, replace=False)
        return np.sort(drawn)

    @cached_property
    def _base(self) -> int:
        """Bytes of the file without images."""
        return len(dumps(self.empty))

    def _size(self, rule: Rule) -> int:
        """Bytes of the file with a rule, at most."""
        body = rule_chunk.write(rule)
        kept = len(varint(self.empty.pool.size)) - 1
        return self._base + kept + len(chunks.write(layout.RULE, body))

    def _size_before(self, found: Quantised) -> int:
        """The same before thresholds are known: they are taken to be of 16 to 31 units."""
        rule = open_rule(found, bytes(32))
        usual = 16 + np.arange(rule.classes) * 5 % 16
        return self._size(replace(rule, thresholds=usual << rule.shift))


def _columns(most: int) -> list[int]:
    """Numbers of columns that are tried: powers of two, and all of them."""
    found = []
    columns = min(FEWEST_COLUMNS, most)
    while columns < most:
        found.append(columns)
        columns *= 2
    return [*found, most]


def _best(trials: list[Trial], judged: int, size: Size) -> Trial:
    """The trial to choose: one of those that the judge's images cannot tell from the best.

    Of these, within a budget, that of most images: a linear student tells 500 images per class
    from 1,500 badly, and students that train whole want them (by six points for a ResNet-18 from
    scratch). Of a number of images, that of fewest bytes.
    """
    top = max(trial.accuracy for trial in trials)
    error = (top * (1 - top) / judged) ** 0.5
    near = [trial for trial in trials if trial.accuracy >= top - error]
    if size.budget is None:
        return min(near, key=lambda trial: (trial.payload_bytes, -trial.accuracy))
    return max(near, key=lambda trial: (trial.per_class, trial.accuracy, -trial.payload_bytes))
