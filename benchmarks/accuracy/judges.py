"""What the automatic selection would choose, told a kind of student or none, and what that costs.

Its short trainings judge the payloads on a fifth of the target's training images, as those of
`plada prune` do, which makes the chosen payload again from all images. Heads judge payloads whose
rankings and teacher have not seen that fifth, as in the product; whole students, whose trainings
take long, those that the clients get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from math import inf
from statistics import fmean

import torch

from plada_ref.compute.context import Compute
from plada_ref.selection import Size, parse
from plada_ref.selection.auto import FINALISTS, PARTS, WHOLE_CANDIDATES
from plada_ref.selection.auto_record import Candidate, best_of, regrets
from plada_ref.selection.students import FINETUNE, HEAD, SCRATCH, Students, whole_students
from pladafmt import loads

from .grid import selector_for
from .payloads import Offer
from .rows import Row, Rows
from .sending import Sending
from .students import (
    FULL_TARGET,
    HELD,
    KINDS,
    Job,
    Place,
    decoded_pool,
    held_out,
    train_student,
)
from .tasks import spec_for

IMAGES = "images"
"""The detail of a judgement that tells on how many images it was made."""

_OTHER_SEED = 1_000
"""Added to a seed: what judges is not what is judged."""


def _judge(kind: str) -> str:
    return f"{kind} judges"


_JUDGES = {_judge(kind): kind for kind in (FINETUNE, SCRATCH)}


def behind(rows: Rows, task: str, seed: int, kind: str, offer: Offer) -> float:
    """By how much, 0 to 1, an offer is behind the best list of as many bytes.

    The smallest over the students like those of `kind`, on test images, and those that judge: what
    one of them may still need, all of them learn from. 0 for an offer that is no list.
    """
    if not offer.is_list:
        return 0.0
    least = inf
    like = _like(kind)
    for each in (*(one for one in (HEAD, *KINDS) if _like(one) == like), _judge(like)):
        found = {
            row.name: row.accuracy
            for row in rows
            if (row.task, row.seed, row.kind, row.budget) == (task, seed, each, offer.budget)
            and Offer(row.name, row.budget).is_list
        }
        if offer.name in found:
            least = min(least, max(found.values()) - found[offer.name])
    return 0.0 if least == inf else least


def judged_lists(rows: Rows, task: str, seed: int, kind: str) -> list[Offer]:
    """The candidates of `auto` that students of a kind have learned from."""
    return [
        Offer(row.name, row.budget)
        for row in rows
        if (row.task, row.seed, row.kind) == (task, seed, kind) and row.name in WHOLE_CANDIDATES
    ]


def judge_jobs(jobs: Iterable[Job], kinds: Sequence[str]) -> Iterator[Job]:
    """The short trainings that judge what students of whole kinds learn from.

    Args:
        jobs: theirs.
        kinds: of all students; those whose own trainings judge need no others.
    """
    own = {KINDS[kind].like for kind in kinds if kind != HEAD and KINDS[kind].judges}
    for job in jobs:
        like = _like(job.kind)
        if like not in (HEAD, *own) and job.offer.name in WHOLE_CANDIDATES:
            yield replace(job, kind=_judge(like))


def train_any(place: Place, job: Job) -> Row:
    """Train a student, or one that judges."""
    return _train_judge(place, job) if job.kind in _JUDGES else train_student(place, job)


def _train_judge(place: Place, job: Job) -> Row:
    data = job.offer.path(place.payloads, job.task, job.seed).read_bytes()
    students, images = _students(place, job.task, job.seed, _JUDGES[job.kind])
    return Row(*job.key, len(data), students.accuracy(loads(data), None), {IMAGES: images})


@lru_cache(maxsize=1)
def _students(place: Place, task: str, seed: int, like: str) -> tuple[Students, int]:
    """Those of one kind, and on how many images they are tested."""
    spec = spec_for(task, place.weights)
    held = held_out(place, task, seed)
    compute = Compute(torch.device(place.device), place.workers)
    (students,) = whole_students(
        [like], spec, decoded_pool(place, spec), held, compute, seed=seed + _OTHER_SEED
    )
    return students, len(held)


def judge(send: Sending, seed: int, kind: str, offers: Sequence[Offer], rows: Rows) -> None:
    """Let heads judge payloads, or the students of `kind` if theirs are the judges' trainings.

    Args:
        kind: of the benchmark's students; of others `judge_jobs` are the judges.
        offers: lists.
    """
    if kind != HEAD and not KINDS[kind].judges:
        return
    name = _judge(_like(kind))
    wanted = [each for each in offers if not rows.has((send.name, seed, name, *_key(each)))]
    if not wanted:
        return
    held = held_out(send.place, send.name, seed)
    accuracy = _by_heads(send, seed) if kind == HEAD else _by_students(send, seed, kind, rows)
    for offer in wanted:

        def judged(offer: Offer = offer) -> Row:
            size = offer.path(send.place.payloads, send.name, seed).stat().st_size
            return Row(
                send.name, seed, name, *_key(offer), size, accuracy(offer), {IMAGES: len(held)}
            )

        rows.once(send.name, seed, name, *_key(offer), judged)


def _by_students(send: Sending, seed: int, kind: str, rows: Rows) -> Callable[[Offer], float]:
    """What students have reached on the held-out images beside the others."""
    trained = {row.key: row for row in rows}
    return lambda offer: float(trained[send.name, seed, kind, *_key(offer)].details[HELD])


def _by_heads(send: Sending, seed: int) -> Callable[[Offer], float]:
    """What heads reach on the held-out images, of payloads that know nothing of those.

    Of the clients' files, gradient matching is fitted to these very images: its heads name 86 % of
    them rightly at 2,000 bytes of CIFAR-10, and 81 % of the test images.
    """
    selector = selector_for(send.seen, send.features, send.pool.ref, seed)

    def accuracy(offer: Offer) -> float:
        selection = parse(offer.name, seed=seed)
        payload = selector.pruner.prune(selection, Size(budget=offer.budget)).payload
        student = selector.student(payload)
        return 0.0 if student is None else student.accuracy(selector.held_out)

    return accuracy


def _like(kind: str) -> str:
    return HEAD if kind == HEAD else KINDS[kind].like


def _key(offer: Offer) -> tuple[str, int]:
    return offer.name, offer.budget


def chosen(rows: Rows, task: str, seed: int, budget: int, kinds: Sequence[str]) -> Row | None:
    """The judgement that makes `auto` choose, told these kinds; None if some of them is missing.

    A part of the budget is tried where it is one of the budgets that were measured.
    """
    found: dict[int, dict[str, dict[str, Row]]] = {}
    for row in rows:
        for kind in kinds:
            if (row.task, row.seed, row.kind) == (task, seed, _judge(kind)):
                found.setdefault(row.budget, {}).setdefault(row.name, {})[kind] = row

    def candidates(allowed: int) -> list[tuple[Candidate, Row]]:
        return [
            (
                Candidate(
                    name,
                    1,
                    by_kind[kinds[0]].bytes,
                    by_kind[HEAD].accuracy if HEAD in by_kind else 0.0,
                    0.0,
                    budget=allowed,
                    students={kind: row.accuracy for kind, row in by_kind.items()},
                ),
                by_kind[kinds[0]],
            )
            for name, by_kind in found.get(allowed, {}).items()
            if len(by_kind) == len(kinds)
        ]

    whole, part = (candidates(budget // part) for part in PARTS)
    if not whole:
        return None
    if tuple(kinds) != (HEAD,):
        behind = regrets([one for one, _ in whole], kinds)
        names = [one.selection for one, _ in whole]
        best = [name for _, name in sorted(zip(behind, names, strict=True))][:FINALISTS]
        part = [each for each in part if each[0].selection in best]
    both = whole + part
    images = both[0][1].details[IMAGES]
    return both[best_of([one for one, _ in both], kinds, images)][1]


def choices_table(rows: Rows, budgets: Sequence[int]) -> str:
    """For each task, kind and budget: the best fixed list, and what `auto` is behind it, in points.

    Means over seeds of the students' accuracy on test images; a negative number is ahead.
    """
    tests = {row.key: row for row in rows}
    tasks = list(dict.fromkeys(row.task for row in rows))
    seeds = sorted({row.seed for row in rows})
    kinds = [kind for kind in (HEAD, *KINDS) if any(row.kind == kind for row in rows)]
    judges = [
        like
        for like in dict.fromkeys(map(_like, kinds))
        if any(row.kind == _judge(like) for row in rows)
    ]
    lines = [
        "| task | students | bytes | best list | | told the kind | behind | told none | behind |",
        "|-|-|-|-|-|-|-|-|-|",
    ]
    for task in tasks:
        for kind in kinds:
            like = _like(kind)
            for budget in budgets:
                fixed = _fixed(tests.values(), task, kind, budget)
                cells = []
                for told in ((like,), tuple(judges)):
                    found = [
                        _reached(rows, tests, task, seed, kind, budget, told) for seed in seeds
                    ]
                    reached = [each for each in found if each is not None]
                    if fixed is None or not reached or not set(told) <= set(judges):
                        cells += ["", ""]
                    else:
                        cells += [
                            f"{100 * fmean(reached):.1f}",
                            f"{100 * (fixed[1] - fmean(reached)):.1f}",
                        ]
                if fixed is not None:
                    name, best = fixed
                    line = [task, kind, f"{budget:,}", name, f"{100 * best:.1f}", *cells]
                    lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


def _fixed(rows: Iterable[Row], task: str, kind: str, budget: int) -> tuple[str, float] | None:
    """The list of a budget that is best on average, of those that were measured most often.

    What a race has left out has fewer seeds, and those may be the easier ones.
    """
    found: dict[str, list[float]] = {}
    for row in rows:
        if (row.task, row.kind, row.budget) == (task, kind, budget) and row.name != FULL_TARGET:
            found.setdefault(row.name, []).append(row.accuracy)
    found = {name: values for name, values in found.items() if not name.startswith("rule")}
    most = max(map(len, found.values()), default=0)
    lists = {name: fmean(values) for name, values in found.items() if len(values) == most}
    return max(lists.items(), key=lambda each: each[1]) if lists else None


def _reached(
    rows: Rows,
    tests: dict[tuple[str, int, str, str, int], Row],
    task: str,
    seed: int,
    kind: str,
    budget: int,
    told: Sequence[str],
) -> float | None:
    """What a student of `kind` gets of the payload that is chosen; None if that is not measured."""
    choice = chosen(rows, task, seed, budget, told)
    if choice is None:
        return None
    same = (kind, choice.name, choice.budget)
    if kind != HEAD and KINDS[kind].judges:
        # The training that judged is not what is judged: chance has been kind to it.
        others = {
            row.seed: row.accuracy
            for row in rows
            if (row.kind, *row.key[3:]) == same and row.task == task and row.seed != seed
        }
        if others:
            return fmean(others.values())
    found = tests.get((task, seed, *same))
    return None if found is None else found.accuracy
