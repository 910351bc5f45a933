"""What the automatic selection would choose, told a kind of student or none, and what that costs.

Its short trainings judge the payloads on a fifth of the target's training images. They are those of
`plada prune`, on the files that the clients get; the product judges payloads whose rankings have
not seen that fifth, and makes the chosen one again from all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, partial
from statistics import fmean

import numpy as np

from plada_ref.baselines import HeadStudents
from plada_ref.features.target import Target
from plada_ref.selection.auto import FINALISTS, HELD_OUT, PARTS
from plada_ref.selection.auto_record import Candidate, best_of, regrets
from plada_ref.selection.students import HEAD, Students, whole_students
from plada_ref.tasks.task import hold_out
from pladafmt import loads

from .payloads import Offer
from .rows import Row, Rows
from .sending import Sending
from .students import FULL_TARGET, KINDS

_OTHER_SEED = 1_000
"""Added to a seed: what judges is not what is judged."""


def _judge(kind: str) -> str:
    return f"{kind} judges"


def judge(
    send: Sending, seed: int, kinds: Iterable[str], offers: Sequence[Offer], rows: Rows
) -> None:
    """Let students of each kind judge payloads.

    Args:
        kinds: of the benchmark's students; each is judged for by those that are like it.
        offers: lists.
    """
    like = dict.fromkeys(HEAD if kind == HEAD else KINDS[kind].like for kind in kinds)
    wanted = [
        (kind, offer)
        for kind in like
        for offer in offers
        if not rows.has((send.name, seed, _judge(kind), offer.name, offer.budget))
    ]
    if not wanted:
        return
    _, held = hold_out(send.seen.train, HELD_OUT, seed=seed)
    row_of = {key: row for row, key in enumerate(send.seen.train.keys)}
    those = np.array([row_of[key] for key in held.keys])
    seen = send.seen.train_seen
    heads = HeadStudents(
        Target(seen.features[those], seen.labels[those]), send.seen.classes
    ).on_pool(send.features)

    @cache
    def whole() -> dict[str, Students]:
        found = whole_students(
            [kind for kind in like if kind != HEAD],
            send.spec,
            send.pool,
            held,
            send.compute,
            seed=seed + _OTHER_SEED,
        )
        return {each.kind: each for each in found}

    def judged(kind: str, offer: Offer) -> Row:
        data = offer.path(send.place.payloads, send.name, seed).read_bytes()
        payload = loads(data)
        reached = heads(payload) if kind == HEAD else whole()[kind].accuracy(payload, None)
        return Row(send.name, seed, _judge(kind), offer.name, offer.budget, len(data), reached)

    for kind, offer in wanted:
        rows.once(
            send.name, seed, _judge(kind), offer.name, offer.budget, partial(judged, kind, offer)
        )


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
    return both[best_of([one for one, _ in both], kinds)][1]


def choices_table(rows: Rows, budgets: Sequence[int]) -> str:
    """For each task, kind and budget: the best fixed list, and what `auto` is behind it, in points.

    Means over seeds of the students' accuracy on test images; a negative number is ahead.
    """
    tests = {row.key: row for row in rows}
    tasks = list(dict.fromkeys(row.task for row in rows))
    seeds = sorted({row.seed for row in rows})
    kinds = [kind for kind in (HEAD, *KINDS) if any(row.kind == kind for row in rows)]
    judges = [
        kind
        for kind in dict.fromkeys(HEAD if kind == HEAD else KINDS[kind].like for kind in kinds)
        if any(row.kind == _judge(kind) for row in rows)
    ]
    lines = [
        "| task | students | bytes | best list | | told the kind | behind | told none | behind |",
        "|-|-|-|-|-|-|-|-|-|",
    ]
    for task in tasks:
        for kind in kinds:
            like = HEAD if kind == HEAD else KINDS[kind].like
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
    """The list of a budget that is best on average over seeds."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if (row.task, row.kind, row.budget) == (task, kind, budget) and row.name != FULL_TARGET:
            found.setdefault(row.name, []).append(row.accuracy)
    lists = {name: fmean(values) for name, values in found.items() if not name.startswith("rule")}
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
    found = None if choice is None else tests.get((task, seed, kind, choice.name, choice.budget))
    return None if found is None else found.accuracy
