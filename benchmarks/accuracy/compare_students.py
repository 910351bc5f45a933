"""Lists and rules over codes on the same tasks, with students of several kinds."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from itertools import product
from multiprocessing import get_context
from operator import attrgetter

import torch

from plada_ref.compute.context import Compute
from plada_ref.output import Output
from plada_ref.selection.auto import CANDIDATES, WHOLE_CANDIDATES
from plada_ref.selection.rule import RULE
from plada_ref.selection.students import HEAD

from .choices import choices_table
from .grid import PAPER
from .judges import behind, judge, judge_jobs, judged_offers, train_any
from .payloads import HARD_RULE, WHOLE_POOL, Offer, prepare
from .rows import Rows
from .sending import Sending
from .students import Job, Place, jobs_for, study, study_heads
from .students_table import students_table

RULE_BUDGETS = (350, 1_000)
"""Bytes of files with rules."""

LISTS = (*WHOLE_CANDIDATES, PAPER[1])
"""What `auto` tries where students train whole, and the paper's third."""

FOR_HEADS = (HARD_RULE, *(name for name in CANDIDATES if name not in LISTS))
"""What heads alone learn from: rules without the scores that clients take, and what `auto` tries
for heads."""


def compare(
    place: Place,
    kinds: Sequence[str],
    budgets: Sequence[int],
    seeds: Sequence[int],
    rule_budgets: Sequence[int],
    rows: Rows,
    *,
    processes: int,
    auto: bool = False,
    race: float | None = None,
) -> None:
    """Make the payloads that are not there, train the students that have no row, show the table.

    Args:
        kinds: of students.
        budgets: bytes of files with lists.
        rule_budgets: bytes of files with rules.
        processes: students that are trained at a time.
        auto: measure as well what the automatic selection would choose.
        race: later seeds leave out what was further behind with the first one, see `behind`.
    """
    offers = [Offer(name, budget) for budget in rule_budgets for name in (RULE, HARD_RULE)]
    names = dict.fromkeys((*LISTS, *CANDIDATES))
    offers += [Offer(name, budget) for name in names for budget in budgets]
    offers.append(Offer(WHOLE_POOL, 0))
    compute = Compute(torch.device(place.device), progress=Output(as_json=True))
    sending = [Sending(place, name, source, compute) for name, source in place.tasks]
    waves = [seeds] if race is None else [seeds[:1], seeds[1:]]
    with _processes(processes) as several:
        for wave in waves:
            jobs: list[Job] = []
            for seed, kind, send in product(wave, kinds, sending):
                those = [each for each in offers if kind == HEAD or each.name not in FOR_HEADS]
                if race is not None and wave is not waves[0]:
                    first = partial(behind, rows, send.name, seeds[0], kind)
                    those = [each for each in those if first(each) <= race]
                prepare(those, place.payloads, send.name, seed, partial(send.by, seed))
                mine = [*jobs_for([send.name], [seed], [kind], those)]
                if kind == HEAD:
                    study_heads(place, send.seen, send.features, mine, rows)
                else:
                    jobs += mine
            if auto:
                jobs = [*jobs, *judge_jobs(jobs, kinds)]
            jobs = sorted(dict.fromkeys(jobs), key=attrgetter("seed"))
            study(place, jobs, rows, several, train_any)
            if auto:
                for seed, kind, send in product(wave, kinds, sending):
                    judge(send, seed, kind, judged_offers(rows, send.name, seed, kind), rows)
    print(tables(rows, budgets, auto=auto))


def tables(rows: Rows, budgets: Sequence[int], *, auto: bool) -> str:
    """What students get of each payload and, with `auto`, of what would be chosen."""
    shown = [students_table(rows)]
    if auto:
        shown += [choices_table(rows, budgets), choices_table(rows, budgets, codes=True)]
    return "\n\n".join(shown)


def _processes(count: int) -> ProcessPoolExecutor | nullcontext[None]:
    if count == 1:
        return nullcontext()
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))
