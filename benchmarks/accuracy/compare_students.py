"""Lists and rules over codes on the same tasks, with students of several kinds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from plada_ref.compute.context import Compute
from plada_ref.output import Output
from plada_ref.selection.auto import WHOLE_CANDIDATES
from plada_ref.selection.rule import RULE
from plada_ref.selection.students import HEAD

from .grid import PAPER
from .judges import choices_table, judge
from .payloads import HARD_RULE, WHOLE_POOL, Offer, prepare
from .rows import Rows
from .sending import Sending
from .students import Place, jobs_for, study, study_heads
from .students_table import students_table

RULE_BUDGETS = (350, 1_000)
"""Bytes of files with rules."""

LISTS = (*WHOLE_CANDIDATES, PAPER[1])
"""What `auto` tries where students train whole, and the paper's third."""


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
) -> None:
    """Make the payloads that are not there, train the students that have no row, show the table.

    Args:
        kinds: of students.
        budgets: bytes of files with lists.
        rule_budgets: bytes of files with rules.
        processes: students that are trained at a time.
        auto: measure as well what the automatic selection would choose.
    """
    offers = [Offer(name, budget) for budget in rule_budgets for name in (RULE, HARD_RULE)]
    offers += [Offer(name, budget) for name in LISTS for budget in budgets]
    offers.append(Offer(WHOLE_POOL, 0))
    compute = Compute(torch.device(place.device), progress=Output(as_json=True))
    whole = [kind for kind in kinds if kind != HEAD]
    sending = [Sending(place, name, source, compute) for name, source in place.tasks]
    for send in sending:
        name = send.name
        for seed in seeds:
            prepare(offers, place.payloads, name, seed, partial(send.by, seed))
        if HEAD in kinds:
            jobs = jobs_for([name], seeds, [HEAD], offers)
            study_heads(place, send.seen, send.features, jobs, rows)
    taken = [each for each in offers if each.name != HARD_RULE]  # A client takes the scores.
    jobs = jobs_for([name for name, _ in place.tasks], seeds, whole, taken)
    study(place, jobs, rows, processes=processes)
    print(students_table(rows))
    if auto:
        lists = [Offer(name, budget) for name in WHOLE_CANDIDATES for budget in budgets]
        for send in sending:
            for seed in seeds:
                judge(send, seed, kinds, lists, rows)
        print(choices_table(rows, budgets))
