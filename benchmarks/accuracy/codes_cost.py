"""What codes cost a pool's publisher, and what fewer of them, or coarser ones, can teach.

    python -m benchmarks.accuracy.codes_cost --cache features ... (as accuracy_per_byte --students)

The first task; rules within a budget over the first d columns, with codes of 8 bits and of 4.
Students are linear heads on the frozen backbone with soft labels. A list of the same task says
what a rule saves; codes have paid when as many payloads were sent as their bytes hold that saving.

With `--codes-model` the codes are another network's than the teacher's and the students', which
costs what that network makes of a class that the others see otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch

from plada_ref.compute.context import Compute
from plada_ref.features.backbone import Backbone
from plada_ref.features.head import fit_head
from plada_ref.models.spec import ModelSpec
from plada_ref.selection.rule import RULE
from plada_ref.training.soft_labels import soft_labels
from pladafmt import Codes, loads, read_rule

from .payloads import Offer, Sender, coded_task, pool_codes
from .sending import Sending, add_place, place_of
from .tasks import see

COLUMNS = (16, 32, 64, 128, 256)
BITS = (8, 4)
BUDGETS = (350, 1_000)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.codes_cost", description=__doc__.partition("\n")[0]
    )
    add_place(parser)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--columns", type=int, nargs="+", default=COLUMNS)
    parser.add_argument("--bits", type=int, nargs="+", default=BITS)
    parser.add_argument("--codes-model", help="another network for the codes")
    parser.add_argument("--codes-weights", type=Path, help="its weights")
    parser.add_argument("--codes-folder", type=Path, help="where its codes and features are kept")
    options = parser.parse_args(arguments)
    place = place_of(options)
    name, source = place.tasks[0]
    send = Sending(place, name, source, Compute(torch.device("cpu")))
    if options.codes_model is None:
        by_seed = {seed: send.by(seed) for seed in options.seeds}
    else:
        model = replace(send.spec, model=options.codes_model, weights=options.codes_weights)
        by_seed = dict(_by_another(send, model, options.codes_folder, options.seeds))
    print("| columns | bits | bytes per image | budget | files | columns used | accuracy, % |")
    print("|-|-|-|-|-|-|-|")
    there = next(iter(by_seed.values())).codes.columns
    for columns in (each for each in options.columns if each <= there):
        for bits in options.bits:
            for budget in BUDGETS:
                _line(send, by_seed, columns, bits, budget)


def _line(
    send: Sending, by_seed: Mapping[int, Sender], columns: int, bits: int, budget: int
) -> None:
    """Measure and print a line: means, and the deviation over seeds."""
    sizes, used, reached = [], [], []
    for whole in by_seed.values():
        sender = coarser(whole, columns, bits)
        data = sender.file(Offer(RULE, budget))
        rule = read_rule(data)
        assert rule is not None
        sizes.append(len(data))
        used.append(str(rule.columns))
        reached.append(100 * _accuracy(send, sender.codes, data))
    spread = f" ± {stdev(reached):.1f}" if len(reached) > 1 else ""
    print(
        f"| {columns} | {bits} | {columns * bits // 8} | {budget:,} | {fmean(sizes):,.0f} | "
        f"{', '.join(dict.fromkeys(used))} | {fmean(reached):.1f}{spread} |",
        flush=True,
    )


def _by_another(
    send: Sending, model: ModelSpec, folder: Path, seeds: Sequence[int]
) -> Iterator[tuple[int, Sender]]:
    """What makes payloads whose rules are over another network's codes, by seed."""
    codes, projection = pool_codes(send.pool, replace(model, grey=False), folder, send.compute)
    seen = see(send.name, send.source, Backbone.of(model, send.compute), model, folder)
    for seed in seeds:
        coded = coded_task(seen, projection, seed)
        yield seed, Sender(send.seen, send.features, send.pool.ref, codes, coded, seed)


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
