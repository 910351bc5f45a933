"""How well is a GPU fed, and does everything run on it? One command, under five minutes.

    python -m benchmarks.gpu --json
    python -m benchmarks.gpu --task cifar10:ROOT --pool 'pool/*.tar' --weights lite0.safetensors
    python -m benchmarks.gpu --part label steps
    python -m benchmarks.gpu --device cpu --quick

Each part is printed when it is done: `label` against the bare model, labels that bfloat16 changes
(with real photographs), fine-tuning against a bare loop, and the tests of the pipeline with
PLADA_TEST_DEVICE.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.scale import child, feeding, machine
from benchmarks.scale.__main__ import COUNTS
from benchmarks.scale.claim import Claim, Part, table
from benchmarks.scale.settings import Settings

from . import labels, steps
from .card import name_of

ROOT = Path(__file__).parents[2]
QUICK_TESTS = ["tests/pipeline/test_bfloat16.py"]
QUICK_POOL_IMAGES, QUICK_SIZE = 256, 32


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    options = _parser().parse_args(arguments)
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
    card = child.run(name_of, device=options.device).value
    print(card)
    parts: list[Part] = []
    started = time.monotonic()
    for name in options.part:
        part = PARTS[name](options)
        parts.append(part)
        print(table([part]), flush=True)
        print(f"{name}: done after {time.monotonic() - started:.0f} s", file=sys.stderr)
    if options.json:
        result = {
            "benchmark": "gpu",
            "device": options.device,
            "card": card,
            "quick": options.quick,
            "machine": machine.facts(),
            "parts": {part.name: part.to_json() for part in parts},
        }
        print(json.dumps(result))


def _label(options: argparse.Namespace) -> Part:
    with tempfile.TemporaryDirectory(prefix="plada-gpu-", dir=options.work) as work:
        return feeding.measure(
            Settings(
                counts=COUNTS,
                work=Path(work),
                quick=options.quick,
                rounds=1,
                weights=options.weights,
                device=options.device,
            )
        )


def _labels(options: argparse.Namespace) -> Part:
    if options.task is None or not options.pool or options.weights is None:
        why = "not measured: it takes real photographs; give --task, --pool and --weights"
        return Part("labels", notes=[why])
    return labels.measure(
        options.device,
        options.task,
        options.pool,
        options.weights,
        images=QUICK_POOL_IMAGES if options.quick else None,
        size=QUICK_SIZE if options.quick else labels.SIZE,
    )


def _steps(options: argparse.Namespace) -> Part:
    return steps.measure(options.device, quick=options.quick)


def _tests(options: argparse.Namespace) -> Part:
    """The tests of the pipeline on the device; one that fails is named."""
    chosen = QUICK_TESTS if options.quick else ["tests/pipeline"]
    count = max(1, min(8, (os.cpu_count() or 1) // 2))
    spread = [] if options.quick else ["--dist", "loadfile", "--numprocesses", str(count)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfE", "--no-header", *spread, *chosen],
        cwd=ROOT,
        env=os.environ | {"PLADA_TEST_DEVICE": options.device},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = ran.stdout.splitlines() or ["nothing was said"]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    passed = sum(map(int, re.findall(r"(\d+) passed", lines[-1])))
    # Whatever ended the run, it is not a success.
    bad = max(len(failed), int(ran.returncode != 0))
    what = f"tests of the pipeline on {options.device}: {lines[-1].strip('= ')}"
    share = passed / max(1, passed + bad)
    return Part("tests", [Claim(what, share, 1, "pass", at_least=True)], {"failed": failed}, failed)


PARTS: dict[str, Callable[[argparse.Namespace], Part]] = {
    "label": _label,
    "labels": _labels,
    "steps": _steps,
    "tests": _tests,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="what to run")
    parser.add_argument("--device", default="cuda", help="what torch calls the device")
    parser.add_argument("--weights", type=Path, metavar="FILE", help=f"weights of {labels.MODEL}")
    parser.add_argument("--task", metavar="SPEC", help="labelled images, as for plada teach")
    parser.add_argument("--pool", nargs="+", metavar="PATH", help="shards of photographs")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where temporary files may lie")
    parser.add_argument("--quick", action="store_true", help="everything small: does it run?")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    return parser


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted")
