"""What the automatic selection would choose, told a kind of student or none, and what that costs.

The judgements are those of `benchmarks.accuracy.judges`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from statistics import fmean, stdev

from plada_ref.selection.auto import FINALISTS, PARTS
from plada_ref.selection.auto_record import (
    Candidate,
    best_of,
    is_clearly_less,
    regrets,
    to_make_again,
)
from plada_ref.selection.rule import RULE
from plada_ref.selection.students import HEAD

from .judges import AGAIN, IMAGES, TESTED, TRIED, judge_of, like
from .payloads import Offer
from .rows import Row, Rows
from .students import KINDS

_Key = tuple[str, int, str, str, int]


def chosen(
    rows: Rows, task: str, seed: int, budget: int, kinds: Sequence[str], *, codes: bool = False
) -> Row | None:
    """The judgement that makes `auto` choose, told these kinds; None if nothing has all of them.

    A part of the budget is tried where it is one of the budgets that were measured. What a race has
    left out for one kind is far behind for that, and may still be the best for another.

    Args:
        codes: the pool has codes, and rules are tried, see `within`.
    """
    if not kinds:
        return None
    found: dict[int, dict[str, dict[str, Row]]] = {}
    for number in PARTS:
        allowed = budget // number
        for kind in kinds:
            told = task, seed, judge_of(kind)
            judged = [row for row in rows if (row.task, row.seed, row.kind) == told]
            for row in within(judged, allowed, codes=codes and number == PARTS[0]):
                found.setdefault(allowed, {}).setdefault(row.name, {})[kind] = row

    tried = TRIED[kinds[-1]]  # Heads, which try others, are the first kind.

    def candidates(allowed: int) -> list[tuple[Candidate, Row]]:
        offered = {name: each for name, each in found.get(allowed, {}).items() if name in tried}
        if all(len(by_kind) < len(kinds) for by_kind in offered.values()):
            return []
        return [
            (
                Candidate(
                    name,
                    1,
                    row.bytes,
                    by_kind[HEAD].accuracy if HEAD in by_kind else 0.0,
                    0.0,
                    budget=allowed,
                    students={
                        kind: by_kind[kind].accuracy if kind in by_kind else 0.0 for kind in kinds
                    },
                ),
                row,
            )
            for name, by_kind in offered.items()
            for row in [next(by_kind[kind] for kind in kinds if kind in by_kind)]
        ]

    whole, part = (candidates(budget // part) for part in PARTS)
    if not whole:
        return None
    if tuple(kinds) != (HEAD,):
        behind = regrets([one for one, _ in whole], kinds)
        names = [one.selection for one, _ in whole]
        order = [name for _, name in sorted(zip(behind, names, strict=True))]
        best = [name for name in order if name != RULE][:FINALISTS]
        part = [each for each in part if each[0].selection in best]
    both = whole + part
    images = both[0][1].details[IMAGES]
    offered = [one for one, _ in both]
    for number in to_make_again(offered, kinds, images):
        again = both[number][1].details.get(AGAIN)
        offered[number] = replace(offered[number], again=again)
    return both[best_of(offered, kinds, images)][1]


def within(rows: Iterable[Row], budget: int, *, codes: bool) -> list[Row]:
    """The rows of lists of a budget, and if the pool has codes those of the rule that fits it.

    A rule takes the bytes that it needs, and is measured at budgets of its own: that of the largest
    of these within the budget stands for what `auto` finds.
    """
    rows = list(rows)
    rules = [row for row in rows if codes and row.name == RULE and row.budget <= budget]
    most = max((row.budget for row in rules), default=0)
    lists = [row for row in rows if row.budget == budget and Offer(row.name, row.budget).is_list]
    return lists + [row for row in rules if row.budget == most]


def choices_table(rows: Rows, budgets: Sequence[int], *, codes: bool = False) -> str:
    """For each task, kind and budget: the best payload, and what `auto` is behind it, in points.

    Means over seeds of the students' accuracy on test images; a negative number is ahead. Behind
    ``±`` are two standard errors of the mean difference, where there are several seeds.

    Args:
        codes: the pool has codes, and rules are among the payloads; else these are lists.
    """
    tests = {row.key: row for row in rows}
    tasks = list(dict.fromkeys(row.task for row in rows))
    seeds = sorted({row.seed for row in rows})
    kinds = [kind for kind in (HEAD, *KINDS) if any(row.kind == kind for row in rows)]
    judges = [
        each
        for each in dict.fromkeys(map(like, kinds))
        if any(row.kind == judge_of(each) for row in rows)
    ]
    lines = [
        f"| task | students | bytes | best {'payload' if codes else 'list'} | | told the kind "
        "| behind | told none | behind |",
        "|-|-|-|-|-|-|-|-|-|",
    ]
    for task in tasks:
        for kind in kinds:
            itself = like(kind)
            for budget in budgets:
                fixed = _fixed(tests.values(), task, kind, budget, codes)
                if fixed is None:
                    continue
                offer, best = fixed
                line = [task, kind, f"{budget:,}", offer.name, f"{100 * best:.1f}"]
                for told in ((itself,), tuple(judges)):
                    found = {
                        seed: _reached(rows, tests, task, seed, kind, budget, told, codes)
                        for seed in seeds
                    }
                    reached = {seed: each for seed, each in found.items() if each is not None}
                    if not reached or not set(told) <= set(judges):
                        line += ["", ""]
                        continue
                    mean = fmean(reached.values())
                    apart = [
                        worth - each
                        for seed, each in reached.items()
                        if (worth := _worth(tests, task, seed, kind, offer)) is not None
                    ]
                    line += [f"{100 * mean:.1f}", f"{100 * (best - mean):.1f}{_two_errors(apart)}"]
                lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


def _two_errors(differences: Sequence[float]) -> str:
    if len(differences) < 2:
        return ""
    return f" ± {200 * stdev(differences) / sqrt(len(differences)):.1f}"


def _fixed(
    rows: Iterable[Row], task: str, kind: str, budget: int, codes: bool
) -> tuple[Offer, float] | None:
    """The payload of a budget that is best on average, of those that were measured most often.

    What a race has left out has fewer seeds, and those may be the easier ones.
    """
    found: dict[Offer, list[float]] = {}
    mine = [row for row in rows if (row.task, row.kind) == (task, kind)]
    for row in within(mine, budget, codes=codes):
        found.setdefault(Offer(row.name, row.budget), []).append(row.accuracy)
    most = max(map(len, found.values()), default=0)
    lists = {offer: fmean(values) for offer, values in found.items() if len(values) == most}
    return max(lists.items(), key=lambda each: each[1]) if lists else None


def _reached(
    rows: Rows,
    tests: Mapping[_Key, Row],
    task: str,
    seed: int,
    kind: str,
    budget: int,
    told: Sequence[str],
    codes: bool,
) -> float | None:
    """What a student of `kind` gets of the payload that is chosen; None if that is not measured."""
    choice = chosen(rows, task, seed, budget, told, codes=codes)
    if choice is None:
        return None
    judged = tests.get((task, seed, judge_of(HEAD), choice.name, choice.budget))
    if (
        kind == HEAD
        and judged is not None
        and is_clearly_less(judged.details[AGAIN], judged.accuracy, judged.details[IMAGES])
    ):
        return float(judged.details[TESTED])  # What was tried is kept.
    return _worth(tests, task, seed, kind, Offer(choice.name, choice.budget))


def _worth(
    tests: Mapping[_Key, Row], task: str, seed: int, kind: str, offer: Offer
) -> float | None:
    """What a student gets of a payload that is chosen with a seed; None if that is not measured.

    Where its own training judges, chance has been kind to it: the other seeds' trainings count.
    """
    others = [
        row.accuracy
        for key, row in tests.items()
        if key == (task, row.seed, kind, offer.name, offer.budget) and row.seed != seed
    ]
    if others and kind != HEAD and KINDS[kind].judges:
        return fmean(others)
    found = tests.get((task, seed, kind, offer.name, offer.budget))
    return None if found is None else found.accuracy
