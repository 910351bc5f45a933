"""Accuracy against bytes: selections, the automatic selection and every baseline, on real images.

For each task and seed a teacher (a linear head on the frozen backbone) learns from four fifths of
the training images and labels the pool. Payloads are dense and without class names; the bytes are
those of the whole file. Students are linear heads on the same backbone, tested on the test images;
The automatic selection never sees a test image.

`--students` compares fewer payloads, and rules over codes, with students of other kinds: linear
heads, all layers of the pre-trained backbone, and a network from scratch. The teacher learns from
all training images then. Payloads, codes and features stay in `--cache`: a machine that is given
the payloads trains students alone.

Results are kept in `--results`, a line each: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from plada_ref.compute.context import Compute
from plada_ref.features.backbone import Backbone
from plada_ref.features.cache import FeatureCache
from plada_ref.output import Output
from plada_ref.pool import Manifest, MemoryPool, open_source
from plada_ref.selection.students import HEAD

from .accuracy.compare_students import RULE_BUDGETS, compare, tables
from .accuracy.grid import measure
from .accuracy.rows import Rows
from .accuracy.students import KINDS, Place
from .accuracy.summary import summary, table
from .accuracy.tasks import see, spec_for

BUDGETS = (500, 2_000, 8_000)
SEEDS = (0, 1, 2)
QUICK_BUDGETS = (500, 2_000)


def task_option(text: str) -> tuple[str, str]:
    """A task on the command line: its short name, and what plada loads."""
    name, _, source = text.partition("=")
    if not name or not source:
        raise argparse.ArgumentTypeError("write NAME=SPEC, such as cifar10=data/cifar10")
    return name, source


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy_per_byte", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--manifest", type=Path, required=True, help="by plada pool index")
    parser.add_argument("--pool", nargs="+", required=True, help="the pool's images")
    parser.add_argument("--weights", type=Path, required=True, help="of tf_efficientnet_lite0")
    parser.add_argument(
        "--task",
        type=task_option,
        action="append",
        required=True,
        metavar="NAME=SPEC",
        help="a target task, as plada teach --task takes it; may be given again",
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder for features")
    parser.add_argument("--results", type=Path, required=True, help="file of results, resumed")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS)
    parser.add_argument(
        "--rule-budgets",
        type=int,
        nargs="+",
        default=RULE_BUDGETS,
        help="with --students: bytes of files with rules",
    )
    parser.add_argument("--quick", action="store_true", help="one seed, two budgets")
    parser.add_argument(
        "--students",
        nargs="+",
        choices=[HEAD, *KINDS],
        default=(),
        help="compare lists and rules over codes with students of these kinds instead",
    )
    parser.add_argument(
        "--auto",
        action="store_true",
        help="with --students: measure what the automatic selection would choose, too",
    )
    parser.add_argument(
        "--race",
        type=float,
        metavar="POINTS",
        help="with --students: later seeds leave out lists that the first has seen this many "
        "points behind the best, of as many bytes, on test and on held-out images",
    )
    parser.add_argument(
        "--show",
        action="store_true",
        help="with --students: train nothing, and show what the file of results has by now",
    )
    parser.add_argument("--device", default="cpu", help="with --students: where they are trained")
    parser.add_argument(
        "--processes", type=int, default=1, help="with --students: how many are trained at a time"
    )
    parser.add_argument(
        "--workers", type=int, help="with --students: processes that decode images for each"
    )
    parser.add_argument("--figure", metavar="FILE", help="draw accuracy against bytes")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)

    rows = Rows(options.results)
    if options.students and options.show:
        print(tables(rows, _sizes(options)[0], auto=options.auto))
    elif options.students:
        tasks = tuple((name, str(source)) for name, source in options.task)
        place = Place(
            options.manifest,
            tuple(options.pool),
            tasks,
            options.weights,
            options.cache,
            options.device,
            options.workers,
        )
        compare(
            place,
            options.students,
            *_sizes(options),
            options.rule_budgets,
            rows,
            processes=options.processes,
            auto=options.auto,
            race=None if options.race is None else options.race / 100,
        )
    else:
        _grid(options, rows)
    if options.figure:
        # Imported here: only this branch needs matplotlib.
        from .accuracy.figure import draw

        draw(rows, options.figure)


def _sizes(options: argparse.Namespace) -> tuple[tuple[int, ...], list[int]]:
    budgets = QUICK_BUDGETS if options.quick else tuple(options.budgets)
    return budgets, options.seeds[:1] if options.quick else options.seeds


def _grid(options: argparse.Namespace, rows: Rows) -> None:
    """Everything, with students that are linear heads."""
    budgets, seeds = _sizes(options)
    compute = Compute(torch.device("cpu"), progress=Output(as_json=True))
    pool = MemoryPool(Manifest.read(options.manifest), open_source(options.pool))
    for name, source in options.task:
        spec = spec_for(name, options.weights)
        backbone = Backbone.of(spec, compute)
        features = backbone.pool(pool, FeatureCache.of_pool(options.cache, pool)).all()
        seen = see(name, source, backbone, spec, options.cache)
        for seed in seeds:
            measure(seen, features, pool.ref, seed, budgets, rows, backbone)
    print(table(rows))
    found = summary(rows)
    for line in found.lines:
        print(line)
    if options.json:
        print(json.dumps(found.as_json()))


if __name__ == "__main__":
    main()
