"""Rules where they are hardest, and whether `auto` may be trusted with them.

    python -m benchmarks.accuracy.rules_in_auto --cache features ... (as accuracy_per_byte)

For each task, seed and budget: a rule alone, the automatic selection without rules, and with them.
Students are linear heads on the frozen backbone. Neither the rule nor `auto` sees a test image; the
rule is fitted to the same four fifths of the target's images as the teacher.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from plada_ref.compute.context import Compute
from plada_ref.features.head import fit_head
from plada_ref.selection.prune import Pruned
from plada_ref.training.soft_labels import soft_labels

from .rows import Row, Rows
from .sending import Sending, add_place, place_of

BUDGETS = (350, 1_000, 2_000)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.rules_in_auto", description=__doc__.partition("\n")[0]
    )
    add_place(parser)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    options = parser.parse_args(arguments)
    place = place_of(options)
    rows = Rows(options.results)
    for name, source in place.tasks:
        send = Sending(place, name, source, Compute(torch.device("cpu")))
        for seed in options.seeds:
            for budget in BUDGETS:
                measure(send, seed, budget, rows)


def measure(send: Sending, seed: int, budget: int, rows: Rows) -> None:
    """Make the three payloads of a budget and test their students."""
    keys = {kind: (send.name, seed, "head", kind, budget) for kind in ("rule", "auto", "with rule")}
    if all(rows.has(key) for key in keys.values()):
        return
    selector = send.selector(seed)
    assert selector.by_rule is not None
    rule = selector.by_rule(budget)

    def again(budget: int) -> Pruned:
        return rule  # The same search would find it.

    made = {
        "rule": rule,
        "auto": replace(selector, by_rule=None).select(budget),
        "with rule": replace(selector, by_rule=again).select(budget),
    }
    for kind, key in keys.items():
        pruned = made[kind]
        chosen = "rule" if pruned.by_rule is not None else str(pruned.selection)
        reached = _accuracy(send, pruned)
        assert pruned.payload_bytes is not None
        row = Row(*key, pruned.payload_bytes, reached, {"chosen": chosen})
        rows.once(*key, partial(_same, row))


def _same(row: Row) -> Row:
    return row


def _accuracy(send: Sending, pruned: Pruned) -> float:
    payload = pruned.payload
    if payload.kept == 0:
        return 0.0
    labels: npt.NDArray[np.int64] | npt.NDArray[np.float32] = payload.labels.astype(np.int64)
    if pruned.by_rule is not None:
        codes, _ = send.coding
        labels = soft_labels(payload, pruned.by_rule.rule, codes)
    rows = payload.positions.astype(np.int64)
    head = fit_head([send.features[rows]], labels, np.ones(len(rows)), send.seen.classes)
    return head.accuracy(send.seen.test_seen)


if __name__ == "__main__":
    main()
