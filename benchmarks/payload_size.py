"""How small is a payload? Ours and other encodings, on the same kept images.

    python -m benchmarks.payload_size
    python -m benchmarks.payload_size --rates 0.01 --skip zpaq --figure payload-size.png
    python -m benchmarks.payload_size --scores scores.parquet --order order.plada --json

Without --scores, on five simulated tasks over a pool like ImageNet-21k. With them, on real ones, in
the order of the pool's keys, in a random order and, with --order, in a semantic order. Sizes are
bytes of positions and labels; ratios are to the better of the paper's two Zstd-19 encodings of the
same images.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np

from . import own, simulated
from .payload_result import RANDOM, SEMANTIC, Result, Row, arranged_name
from .rivals import RIVALS, YARDSTICK, LeftOut
from .scored_pool import Kept, ScoredPool, read

RATES = (0.001, 0.01, 0.05, 0.1)
REAL_RATES = (0.01, 0.05, 0.1, 0.25)


def measure(
    kept: Kept, *, pool: str, rate: float, skip: Sequence[str] = (), notes: list[str]
) -> Row:
    """Measure every encoding on the same kept images.

    Args:
        kept: the images.
        pool: what the pool and task are called.
        rate: keep rate.
        skip: words; an encoding whose name contains one, in any case, is left out.
        notes: receives a sentence for each encoding that could not be measured.
    """
    sizes: dict[str, int] = {}
    parts: dict[str, dict[str, int]] = {}
    container: dict[str, int] = {}

    def wanted(name: str) -> bool:
        return not any(word.lower() in name.lower() for word in skip) or name in YARDSTICK

    for name, rival in RIVALS.items():
        if not wanted(name):
            continue
        try:
            sizes[name] = rival(kept)
        except LeftOut as reason:
            note = f"{name} is left out: {reason}."
            if note not in notes:
                notes.append(note)
    for name, dense in own.FORMS.items():
        if wanted(name):
            file = own.measure(kept, dense=dense)
            sizes[name], parts[name] = file.streams, file.parts
            container[name] = file.size - file.streams
    return Row(
        pool, rate, kept.positions.size, kept.pool_size, kept.classes, sizes, parts, container
    )


def table(result: Result, rate: float) -> str:
    """Return the sizes at one keep rate as text: one line per encoding, one column per pool."""
    rows = [row for row in result.rows if row.rate == rate]
    names = [name for name in [*RIVALS, *own.FORMS] if any(name in row.sizes for row in rows)]
    lines = [["", *(f"({i})" for i in range(1, len(rows) + 1)), "mean ratio"]]
    for name in names:
        cells = [f"{row.sizes[name]:,}" if name in row.sizes else "-" for row in rows]
        complete = all(name in row.sizes for row in rows)
        mean = f"{result.mean_ratio(name, rate):.3f}" if complete else "-"
        lines.append([name, *cells, mean])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [f"Keep rate {rate:g}, bytes:"]
    for first, *rest in lines:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        text.append("  ".join([first.ljust(widths[0]), *cells]))
    for i, row in enumerate(rows, start=1):
        beside = ", ".join(f"{name} {size}" for name, size in row.container.items())
        text.append(f"({i}) {row.pool}: {row.kept:,} kept; container bytes beside: {beside}")
    return "\n".join(text)


def run(
    pools: Iterator[ScoredPool], rates: Sequence[float], *, skip: Sequence[str], seed: int | None
) -> Result:
    """Measure every pool at every rate, saying on standard error how far it is."""
    result = Result([], [], seed)
    for pool in pools:
        for rate in rates:
            start = time.monotonic()
            kept = pool.keep(rate)
            if not kept.positions.size:
                result.notes.append(f"{pool.name} at {rate:g} is left out: no image is kept.")
                continue
            row = measure(kept, pool=pool.name, rate=rate, skip=skip, notes=result.notes)
            result.rows.append(row)
            took = time.monotonic() - start
            print(f"{pool.name}, keep rate {rate:g}: {took:.0f} s", file=sys.stderr)
    return result


def _pools(scores: Sequence[str] | None, order: str | None, seed: int) -> Iterator[ScoredPool]:
    """Yield one pool at a time: two of fourteen million images need not fit in memory."""
    if not scores:
        for setting in simulated.SETTINGS:
            yield simulated.simulate(setting, seed=seed)
        return
    for pool in map(read, scores):
        yield pool
        yield pool.arranged(
            np.random.default_rng(seed).permutation(len(pool.labels)),
            arranged_name(pool.name, RANDOM),
        )
        if order is not None:
            # Imported here: only this branch needs the extra `ref`.
            from plada_ref.order import Permutation
            from plada_ref.order.bins import permutation_of

            places = Permutation.read(order, images=len(pool.labels)).bins
            yield pool.arranged(permutation_of(places), arranged_name(pool.name, SEMANTIC))


def _keep_rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1:
        raise argparse.ArgumentTypeError("a keep rate lies above 0 and at most at 1")
    return rate


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.payload_size", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--rates", type=_keep_rate, nargs="+", metavar="P", help="keep rates")
    parser.add_argument(
        "--scores",
        action="append",
        metavar="FILE",
        help="real scores instead of simulated ones: a table from `plada label`, or .npz with"
        " labels and energy per position; may be given again",
    )
    parser.add_argument(
        "--order", metavar="FILE", help="with --scores: a permutation by `plada pool order`"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the simulated pools")
    parser.add_argument(
        "--skip", nargs="+", default=(), metavar="WORD", help="leave out encodings with this word"
    )
    parser.add_argument("--figure", metavar="FILE", help="also draw the mean ratios")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)

    seed = None if options.scores else options.seed
    rates = options.rates or (REAL_RATES if options.scores else RATES)
    pools = _pools(options.scores, options.order, options.seed)
    result = run(pools, rates, skip=options.skip, seed=seed)
    if not result.rows:
        raise SystemExit("No image is kept at these rates.")
    print("\n\n".join(table(result, rate) for rate in result.rates))
    for name, ratio in result.across_orders().items():
        print(f"{name}: {ratio:.3f} of the paper's better Zstd-19")
    for note in result.notes:
        print(note)
    if options.figure:
        # Imported here: only this branch needs matplotlib.
        from .payload_figure import draw

        draw(result, options.figure)
    if options.json:
        print(json.dumps(result.as_json()))


if __name__ == "__main__":
    main()
