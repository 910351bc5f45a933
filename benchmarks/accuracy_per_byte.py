"""Accuracy against bytes: selections, the automatic selection and every baseline, on real images.

For each task and seed a teacher (a linear head on the frozen backbone) learns from four fifths of
the training images and labels the pool. Payloads are dense and without class names; the bytes are
those of the whole file. Students are linear heads on the same backbone, tested on the test images;
`--tune` fine-tunes whole students as well. The automatic selection never sees a test image.

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

from .accuracy.grid import measure
from .accuracy.rows import Rows
from .accuracy.summary import summary, table
from .accuracy.tasks import see, spec_for
from .accuracy.tuned import tune

BUDGETS = (500, 2_000, 8_000)
SEEDS = (0, 1, 2)
QUICK_BUDGETS = (500, 2_000)


def _task(text: str) -> tuple[str, str]:
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
        type=_task,
        action="append",
        required=True,
        metavar="NAME=SPEC",
        help="a target task, as plada teach --task takes it; may be given again",
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder for features")
    parser.add_argument("--results", type=Path, required=True, help="file of results, resumed")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--quick", action="store_true", help="one seed, two budgets")
    parser.add_argument(
        "--tune",
        nargs="*",
        default=(),
        metavar="NAME",
        help="fine-tune whole students on these tasks, at the smallest and the largest budget",
    )
    parser.add_argument("--figure", metavar="FILE", help="draw accuracy against bytes")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)

    budgets = QUICK_BUDGETS if options.quick else BUDGETS
    seeds = options.seeds[:1] if options.quick else options.seeds
    compute = Compute(torch.device("cpu"), progress=Output(as_json=True))
    rows = Rows(options.results)
    pool = MemoryPool(Manifest.read(options.manifest), open_source(options.pool))
    for name, source in options.task:
        spec = spec_for(name, options.weights)
        backbone = Backbone.of(spec, compute)
        cache = FeatureCache.of_pool(options.cache, pool)
        features = backbone.pool(pool, cache).all()
        seen = see(name, source, backbone, spec, options.cache)
        for seed in seeds:
            measure(seen, features, pool.ref, seed, budgets, rows, backbone)
        if name in options.tune:
            ends = (budgets[0], budgets[-1])
            tune(seen, features, pool, seeds[0], ends, rows, cache, compute)
    print(table(rows))
    found = summary(rows)
    for line in found.lines:
        print(line)
    if options.figure:
        # Imported here: only this branch needs matplotlib.
        from .accuracy.figure import draw

        draw(rows, options.figure)
    if options.json:
        print(json.dumps(found.as_json()))


if __name__ == "__main__":
    main()
