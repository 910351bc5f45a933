"""What the automatic selection found, as data that can be written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from ..training.held_out import standard_error
from .rule_record import RuleShape
from .students import FINETUNE, HEAD, SCRATCH

CARRIED = 0.5
"""The part of the way from guessing to a student of the target's own images that a payload's
student has to go, or the verdict is that the pool cannot carry the task."""

CLEARLY = 3
"""Standard errors by which a student that trains whole has to be above guessing, or it has learned
nothing: of a dozen payloads that teach nothing the best one is two above."""

LEAD = 2
"""Standard errors by which a payload of a part of the budget has to be ahead of those that use all
of it, where students train whole: their trainings are short and see less of what more images teach
than a client's do."""

MADE_AGAIN = 2
"""How many of the best are made again from all target images where heads alone decide. What is sent
is such a payload, and where two are nearly alike the heads of those know more (docs/selection.md).
"""

_CALLED = {FINETUNE: "fine-tuned", SCRATCH: "from scratch"}


@dataclass(frozen=True)
class Candidate:
    """A payload that was tried.

    Attributes:
        selection: the spelling of its selection.
        kept: number of kept images.
        payload_bytes: size of the whole file; 0 if it was not tried.
        held_out_accuracy: of its student on the held-out images, 0 to 1.
        seconds: for ranking, fitting the budget and training.
        note: why it was not tried, else empty.
        rule: what the rule is made of, if its selection is one.
        budget: bytes that it was allowed.
        students: what students of other kinds get that are trained on it, 0 to 1, by kind.
        again: what a head gets on the held-out images, 0 to 1, that is trained on the payload made
            again by the same selection, from all target images, those too; None if it was not.
    """

    selection: str
    kept: int
    payload_bytes: int
    held_out_accuracy: float
    seconds: float
    note: str = ""
    rule: RuleShape | None = None
    budget: int = 0
    students: Mapping[str, float] = field(default_factory=dict)
    again: float | None = None

    def accuracy(self, kind: str) -> float:
        """Held-out accuracy of a student of a kind."""
        return self.held_out_accuracy if kind == HEAD else self.students[kind]

    @property
    def name(self) -> str:
        """The selection, and what a rule is made of, for people."""
        return self.selection if self.rule is None else f"{self.selection} ({self.rule})"


def regrets(candidates: Sequence[Candidate], kinds: Sequence[str]) -> list[float]:
    """How far each candidate is below the best one of a kind, 0 to 1: where it is the farthest."""
    best = {kind: max(one.accuracy(kind) for one in candidates) for kind in kinds}
    return [max(best[kind] - one.accuracy(kind) for kind in kinds) for one in candidates]


def best_of(candidates: Sequence[Candidate], kinds: Sequence[str], images: int) -> int:
    """The number of the best candidate: the first of `best_first`.

    Of several that were made again, it is the one whose two heads are best on average.
    """
    order = best_first(candidates, kinds, images)
    made = {i: again for i in order if (again := candidates[i].again) is not None}
    if len(made) < 2:
        return order[0]
    return max(made, key=lambda i: candidates[i].held_out_accuracy + made[i])


def best_first(candidates: Sequence[Candidate], kinds: Sequence[str], images: int) -> list[int]:
    """The numbers of the candidates, of least regret first; among equals, of the smaller file.

    The first one was allowed all of the budget, or is ahead of all those by `LEAD`, unless heads
    decide.

    Args:
        images: how many held-out images the accuracies were measured on.
    """
    found = regrets(candidates, kinds)
    order = sorted(range(len(found)), key=lambda i: (found[i], candidates[i].payload_bytes))
    budget = max(one.budget for one in candidates)
    with_all = next(i for i in order if candidates[i].budget == budget)
    if set(kinds) != {HEAD}:
        ahead = found[with_all] - found[order[0]]
        errors = [standard_error(candidates[order[0]].accuracy(kind), images) for kind in kinds]
        if ahead <= LEAD * max(errors):
            order.remove(with_all)
            order.insert(0, with_all)
    return order


def to_make_again(candidates: Sequence[Candidate], kinds: Sequence[str], images: int) -> list[int]:
    """The numbers of those that are made again, the best first: of one, where others decide."""
    count = MADE_AGAIN if set(kinds) == {HEAD} else 1
    return best_first(candidates, kinds, images)[:count]


def is_clearly_less(again: float, tried: float, images: int) -> bool:
    """Whether a payload that was made again teaches less than what was tried, by `LEAD`.

    Args:
        again, tried: accuracies of their students on the held-out images, 0 to 1.
        images: how many these are.
    """
    return tried - again > LEAD * standard_error(tried, images)


@dataclass(frozen=True, kw_only=True)
class AutoSelection:
    """Which selection was chosen for a budget, and everything that it was compared with.

    Attributes:
        budget: bytes that were allowed.
        chosen: the spelling of the chosen selection.
        kept: images that its payload keeps.
        payload_bytes: size of its payload.
        held_out_images: target images that decided.
        held_out_accuracy: of the chosen payload's student, a linear head, on them, 0 to 1.
        held_out_teacher: accuracy of a head trained on the target's other images, 0 to 1.
        floor: accuracy of always naming the most frequent class, 0 to 1.
        carried: whether the pool can carry the task: to a head, see `CARRIED`, and to a kind of
            students that decided, see `CLEARLY`.
        verdict: the outcome as a sentence, for people to read before anything is sent.
        seconds: for all of it.
        candidates: all payloads, in the order in which they were tried.
        kinds: of the students that decided, see `plada_ref.selection.students`.
        stages: seconds by what they were spent on.
    """

    budget: int
    chosen: str
    kept: int
    payload_bytes: int
    held_out_images: int
    held_out_accuracy: float
    held_out_teacher: float
    floor: float
    carried: bool
    verdict: str
    seconds: float
    candidates: tuple[Candidate, ...]
    kinds: tuple[str, ...] = (HEAD,)
    stages: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        best: Candidate,
        candidates: tuple[Candidate, ...],
        *,
        budget: int,
        held_out_images: int,
        held_out_teacher: float,
        floor: float,
        seconds: float,
        kinds: tuple[str, ...] = (HEAD,),
        stages: Mapping[str, float] | None = None,
    ) -> AutoSelection:
        """The outcome when `best` of `candidates` is chosen."""
        gained = best.held_out_accuracy - floor
        by_head = gained > 0 and gained >= CARRIED * (held_out_teacher - floor)
        lost = [kind for kind in kinds if not _learns(best, kind, floor, held_out_images)]
        carried = by_head and len(lost) < len(kinds)
        number = sum(not candidate.note for candidate in candidates)
        tried = f"{number} payload{'' if number == 1 else 's'}"
        again = ""
        # The same payload, where scores alone decide, and one that is not sent say nothing.
        if best.again not in (None, best.held_out_accuracy) and not is_clearly_less(
            best.again, best.held_out_accuracy, held_out_images
        ):
            again = f", made again from all target images {100 * best.again:.1f} %"
        facts = (
            f"of {held_out_images:,} held-out target images its {_head(kinds)} gets "
            f"{_measured(best.held_out_accuracy, held_out_images)}{again}, one trained on the "
            f"target's own images {_measured(held_out_teacher, held_out_images)}, the "
            f"majority-class baseline {100 * floor:.1f} %"
        )
        facts += _by_kind(best, candidates, kinds, held_out_images)
        if best.held_out_accuracy > held_out_teacher:
            facts += (
                "; the teacher may have learned from the held-out images, which favours the student"
            )
        to, unlearned = "", ""
        if by_head and lost:
            names = " or ".join(_CALLED[kind] for kind in lost)
            to = "" if carried else f" to students {names}"
            unlearned = f" Students {names} are not clearly above the baseline."
        if carried:
            verdict = f"{best.name} is the best of {tried}: {facts}.{unlearned}"
        else:
            verdict = (
                f"This pool cannot carry this task{to} in {budget:,} bytes.{unlearned} The best of "
                f"{tried} is by {best.name}: {facts}. Send weights or "
                "images instead, or use a pool that is nearer to the task."
            )
        return cls(
            budget=budget,
            chosen=best.selection,
            kept=best.kept,
            payload_bytes=best.payload_bytes,
            held_out_images=held_out_images,
            held_out_accuracy=best.held_out_accuracy,
            held_out_teacher=held_out_teacher,
            floor=floor,
            carried=carried,
            verdict=verdict,
            seconds=seconds,
            candidates=candidates,
            kinds=kinds,
            stages=stages or {},
        )

    @property
    def best(self) -> Candidate:
        """The candidate that was chosen."""
        tried = [one for one in self.candidates if not one.note]
        return tried[best_of(tried, self.kinds, self.held_out_images)]

    @property
    def reached(self) -> float:
        """Held-out accuracy of the chosen payload's students, 0 to 1: the mean over `kinds`."""
        return fmean(self.best.accuracy(kind) for kind in self.kinds)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        lists = {"candidates": [asdict(one) for one in self.candidates], "kinds": list(self.kinds)}
        return asdict(self) | lists


def _measured(accuracy: float, images: int) -> str:
    """Return an accuracy for people, with its standard error."""
    return f"{100 * accuracy:.1f} ± {100 * standard_error(accuracy, images):.1f} %"


def _learns(best: Candidate, kind: str, floor: float, images: int) -> bool:
    """Whether students of a kind that train whole learn anything; of heads more is asked."""
    accuracy = best.accuracy(kind)
    return kind == HEAD or accuracy - floor > CLEARLY * standard_error(accuracy, images)


def _head(kinds: Sequence[str]) -> str:
    """What a sentence calls the head of a payload, which is "the student" where it is the only."""
    return "student" if kinds == (HEAD,) else "head"


def _by_kind(
    best: Candidate, candidates: Sequence[Candidate], kinds: Sequence[str], images: int
) -> str:
    """What the other kinds of students get of the chosen payload, and of the best for each."""
    tried = [one for one in candidates if not one.note]
    said = ""
    for kind in kinds:
        if kind == HEAD:
            continue
        most = max(one.accuracy(kind) for one in tried)
        said += f"; a student {_CALLED[kind]} gets {_measured(best.accuracy(kind), images)}"
        if most > best.accuracy(kind):
            said += f" (the best payload for such students: {100 * most:.1f} %)"
    return said
