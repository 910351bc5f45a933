"""What judges the payloads among which the automatic selection chooses.

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

import torch

from plada_ref.compute.context import Compute
from plada_ref.selection import Size, parse
from plada_ref.selection.auto import CANDIDATES, WHOLE_CANDIDATES
from plada_ref.selection.rule import RULE
from plada_ref.selection.students import (
    FINETUNE,
    HEAD,
    SCRATCH,
    Students,
    steps_for,
    whole_students,
)

from .payloads import Offer
from .rows import Row, Rows
from .sending import Sending
from .students import (
    HELD,
    KINDS,
    STEPS,
    Job,
    Place,
    decoded_pool,
    held_out,
    received,
    train_student,
)
from .tasks import spec_for

TRIED = {
    HEAD: (*CANDIDATES, RULE),
    FINETUNE: (*WHOLE_CANDIDATES, RULE),
    SCRATCH: (*WHOLE_CANDIDATES, RULE),
}
"""The names of what `auto` tries, told a kind of students, where the pool has codes."""

IMAGES = "images"
"""The detail of a judgement that tells on how many images it was made."""

AGAIN, TESTED = "again", "tested"
"""Details of a head's judgement: what a head on the client's file, which was made again from all
images, gets of the held-out images; and what the head that judges gets of the test images."""

_OTHER_SEED = 1_000
"""Added to a seed: what judges is not what is judged."""


def judge_of(kind: str) -> str:
    """The kind of the rows of what judges for students of a kind that `auto` is told."""
    return f"{kind} judges"


def like(kind: str) -> str:
    """The kind by which `auto` is told of a kind of the benchmark's students."""
    return HEAD if kind == HEAD else KINDS[kind].like


_JUDGES = {judge_of(kind): kind for kind in (FINETUNE, SCRATCH)}


def behind(rows: Rows, task: str, seed: int, kind: str, offer: Offer) -> float:
    """By how much, 0 to 1, an offer is behind the best list of as many bytes.

    The smallest over the students like those of `kind`, on test images, and those that judge: what
    one of them may still need, all of them learn from. 0 for an offer that is no list.
    """
    if not offer.is_list:
        return 0.0
    least = inf
    told = like(kind)
    for each in (*(one for one in (HEAD, *KINDS) if like(one) == told), judge_of(told)):
        found = {
            row.name: row.accuracy
            for row in rows
            if (row.task, row.seed, row.kind, row.budget) == (task, seed, each, offer.budget)
            and Offer(row.name, row.budget).is_list
        }
        if offer.name in found:
            least = min(least, max(found.values()) - found[offer.name])
    return 0.0 if least == inf else least


def judged_offers(rows: Rows, task: str, seed: int, kind: str) -> list[Offer]:
    """The candidates of `auto` that students of a kind have learned from.

    Heads judge for students that train whole, too.
    """
    tried = {*TRIED[like(kind)], *(TRIED[SCRATCH] if kind == HEAD else ())}
    return [
        Offer(row.name, row.budget)
        for row in rows
        if (row.task, row.seed, row.kind) == (task, seed, kind) and row.name in tried
    ]


def judge_jobs(jobs: Iterable[Job], kinds: Sequence[str]) -> Iterator[Job]:
    """The short trainings that judge what students of whole kinds learn from.

    Args:
        jobs: theirs.
        kinds: of all students; those whose own trainings judge need no others.
    """
    own = {KINDS[kind].like for kind in kinds if kind != HEAD and KINDS[kind].judges}
    for job in jobs:
        told = like(job.kind)
        if told not in (HEAD, *own) and job.offer.name in TRIED[told]:
            yield replace(job, kind=judge_of(told))


def train_any(place: Place, job: Job) -> Row:
    """Train a student, or one that judges."""
    return _train_judge(place, job) if job.kind in _JUDGES else train_student(place, job)


def _train_judge(place: Place, job: Job) -> Row:
    got = received(place, job)
    students, images = _students(place, job.task, job.seed, _JUDGES[job.kind])
    details = {IMAGES: images, STEPS: steps_for(students.kind, got.payload.kept)}
    return Row(*job.key, got.size, students.accuracy(got.payload, got.soft), details)


@lru_cache(maxsize=1)
def _students(place: Place, task: str, seed: int, kind: str) -> tuple[Students, int]:
    """Those of one kind, and on how many images they are tested."""
    spec = spec_for(task, place.weights)
    held = held_out(place, task, seed)
    compute = Compute(torch.device(place.device), place.workers)
    (students,) = whole_students(
        [kind], spec, decoded_pool(place, spec), held, compute, seed=seed + _OTHER_SEED
    )
    return students, len(held)


def judge(send: Sending, seed: int, kind: str, offers: Sequence[Offer], rows: Rows) -> None:
    """Let heads judge payloads, or the students of `kind` if theirs are the judges' trainings.

    Args:
        kind: of the benchmark's students; of others `judge_jobs` are the judges.
        offers: lists, and rules that `auto` tries.
    """
    if kind != HEAD and not KINDS[kind].judges:
        return
    name = judge_of(like(kind))
    wanted = [each for each in offers if not rows.has((send.name, seed, name, *_key(each)))]
    if not wanted:
        return
    images = len(held_out(send.place, send.name, seed))
    found = _by_heads(send, seed) if kind == HEAD else _by_students(send, seed, kind, rows)
    for offer in wanted:

        def judged(offer: Offer = offer) -> Row:
            size = offer.path(send.place.payloads, send.name, seed).stat().st_size
            accuracy, more = found(offer)
            details = {IMAGES: images} | more
            return Row(send.name, seed, name, *_key(offer), size, accuracy, details)

        rows.once(send.name, seed, name, *_key(offer), judged)


_Judgement = Callable[[Offer], tuple[float, dict[str, float]]]
"""Gives (accuracy on the held-out images, more details)."""


def _by_students(send: Sending, seed: int, kind: str, rows: Rows) -> _Judgement:
    """What students have reached on the held-out images beside the others."""
    trained = {row.key: row for row in rows}
    return lambda offer: (float(trained[send.name, seed, kind, *_key(offer)].details[HELD]), {})


def _by_heads(send: Sending, seed: int) -> _Judgement:
    """What heads reach on the held-out images, of payloads that know nothing of those.

    Of the clients' files, gradient matching is fitted to these very images: its heads name 86 % of
    them rightly at 2,000 bytes of CIFAR-10, and 81 % of the test images.
    """
    selector = send.selector(seed)

    def found(offer: Offer) -> tuple[float, dict[str, float]]:
        size = Size(budget=offer.budget)
        if offer.is_list:
            pruned = selector.pruner.prune(parse(offer.name, seed=seed), size)
        else:
            assert selector.by_rule is not None
            pruned = selector.by_rule(offer.budget)
        sent = received(send.place, Job(send.name, seed, HEAD, offer)).payload
        student, again = selector.student(pruned.payload), selector.student(sent)
        accuracy = 0.0 if student is None else student.accuracy(selector.held_out)
        return accuracy, {
            AGAIN: 0.0 if again is None else again.accuracy(selector.held_out),
            TESTED: 0.0 if student is None else student.accuracy(send.seen.test_seen),
        }

    return found


def _key(offer: Offer) -> tuple[str, int]:
    return offer.name, offer.budget
