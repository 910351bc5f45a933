"""What do the tools take with a pool of 14,197,122 images? Each figure with its limit.

    python -m benchmarks.scale --json
    python -m benchmarks.scale --part prune encode index
    python -m benchmarks.scale --part label --weights tf_efficientnet_lite0.safetensors
    python -m benchmarks.scale --part label --device cuda
    python -m benchmarks.scale --part million --pools 10000 100000 1000000 --figure curve.png
    python -m benchmarks.scale --quick

Scores, labels, digests and images are made up; the number of images in each synset is real. Every
measurement runs in a process of its own. Nothing is left behind, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from . import decode, encode, index, label, machine, million, prune, rule
from .claim import Part, table
from .settings import IMAGES, Settings

COUNTS = Path(__file__).parents[1] / "facts" / "imagenet21k-synset-counts.csv"
QUICK_IMAGES = 100_000
QUICK_POOLS = (500, 1000)

PARTS: dict[str, Callable[[Settings], Part]] = {
    "prune": prune.measure,
    "encode": encode.measure,
    "index": index.measure,
    "rule": rule.measure,
    "label": label.measure,
    "decode": decode.measure,
    "million": million.measure,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    options = _parser().parse_args(arguments)
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _interrupted)
    before = machine.facts()
    parts: list[Part] = []
    started = time.monotonic()
    for name in options.part:
        with tempfile.TemporaryDirectory(prefix="plada-scale-", dir=options.work) as work:
            settings = Settings(
                counts=options.counts,
                work=Path(work),
                images=options.images or (QUICK_IMAGES if options.quick else IMAGES),
                quick=options.quick,
                rounds=options.rounds or (1 if options.quick else 5),
                weights=options.weights,
                pools=tuple(options.pools or (QUICK_POOLS if options.quick else Settings.pools)),
                device=options.device,
                seed=options.seed,
            )
            parts.append(PARTS[name](settings))
        print(f"{name}: done after {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(table(parts))
    if settings.images < IMAGES:
        print(f"{settings.images:,} images: fixed costs decide, and the limits are not meant.")
    if options.figure:
        # Only a figure needs Matplotlib.
        from .figure import draw

        for part in parts:
            if part.name == "million":
                draw(part.figures, options.figure)
    if options.json:
        result = {
            "benchmark": "scale",
            "images": settings.images,
            "quick": settings.quick,
            "seed": settings.seed,
            "machine": {**before, "load_after": machine.facts()["load"]},
            "parts": {part.name: part.to_json() for part in parts},
        }
        print(json.dumps(result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="what to run")
    parser.add_argument(
        "--counts", type=Path, default=COUNTS, metavar="FILE", help="CSV file: synset, images"
    )
    parser.add_argument("--images", type=int, metavar="N", help=f"pool size; {IMAGES:,} by default")
    parser.add_argument(
        "--pools",
        type=int,
        nargs="+",
        metavar="N",
        help="sizes of the pools of the part million; "
        f"{', '.join(f'{size:,}' for size in Settings.pools)} by default",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help=f"weights of {label.MODEL} for the part label"
    )
    parser.add_argument(
        "--device", default="cpu", help="what the part label runs on, such as cuda; cpu by default"
    )
    parser.add_argument("--rounds", type=int, help="repetitions of what is timed; 5 by default")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where temporary files may lie")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--quick", action="store_true", help="everything small, in a minute")
    parser.add_argument("--figure", metavar="FILE", help="draw the memory of the part million")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    return parser


def _interrupted(*_: object) -> NoReturn:
    """End as Ctrl-C does, so that temporary files go."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted")
