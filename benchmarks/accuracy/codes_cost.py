"""What codes cost a pool's publisher, and what fewer of them, or coarser ones, can teach.

    python -m benchmarks.accuracy.codes_cost --cache features ... (as accuracy_per_byte --students)

The first task; rules within a budget over the first d columns, with codes of 8 bits and of 4.
Students are linear heads on the frozen backbone with soft labels. A list of the same task says
what a rule saves; codes have paid when as many payloads were sent as their bytes hold that saving.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from plada_ref.compute.context import Compute
from plada_ref.features.head import fit_head
from plada_ref.selection.rule import RULE
from plada_ref.training.soft_labels import soft_labels
from pladafmt import Codes, loads, read_rule

from .payloads import Offer, Sender
from .sending import Sending, add_place, place_of

COLUMNS = (16, 32, 64, 128, 256)
BITS = (8, 4)
BUDGETS = (350, 1_000)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.codes_cost", description=__doc__.partition("\n")[0]
    )
    add_place(parser)
    place = place_of(parser.parse_args(arguments))
    name, source = place.tasks[0]
    send = Sending(place, name, source, Compute(torch.device("cpu")))
    whole = send.by(seed=0)
    print("| columns | bits | bytes per image | budget | file | columns used | accuracy, % |")
    print("|-|-|-|-|-|-|-|")
    for columns in (each for each in COLUMNS if each <= whole.codes.columns):
        for bits in BITS:
            sender = coarser(whole, columns, bits)
            for budget in BUDGETS:
                data = sender.file(Offer(RULE, budget))
                reached = _accuracy(send, sender.codes, data)
                rule = read_rule(data)
                assert rule is not None
                print(
                    f"| {columns} | {bits} | {columns * bits // 8} | {budget:,} | {len(data):,} | "
                    f"{rule.columns} | {100 * reached:.1f} |",
                    flush=True,
                )


def coarser(sender: Sender, columns: int, bits: int) -> Sender:
    """The same with the first columns of the codes, rounded to so many bits.

    Rounded codes keep their scale: of 4 bits they are -112, -96, ... 112.
    """
    step = 1 << (8 - bits)
    most = 127 // step

    def rounded(codes: np.ndarray) -> np.ndarray:
        found = np.rint(codes[:, :columns] / step).clip(-most, most) * step
        return found.astype(np.int8)

    task = sender.coded
    return replace(
        sender,
        codes=Codes(rounded(sender.codes.table)),
        coded=replace(
            task,
            rest=replace(task.rest, codes=rounded(task.rest.codes)),
            held_out=replace(task.held_out, codes=rounded(task.held_out.codes)),
        ),
    )


def _accuracy(send: Sending, codes: Codes, data: bytes) -> float:
    payload, rule = loads(data, codes=codes), read_rule(data)
    assert rule is not None
    rows = payload.positions.astype(np.int64)
    soft = soft_labels(payload, rule, codes)
    head = fit_head([send.features[rows]], soft, np.ones(len(rows)), send.seen.classes)
    return head.accuracy(send.seen.test_seen)


if __name__ == "__main__":
    main()
