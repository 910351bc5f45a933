"""Damaged and hostile files: what makes them, and the judge of what is read from them.

`tests.pool.fuzz` and `tests.pipeline.results_fuzz` say which files, and what is right. A file that
takes more than 30 seconds fails as well, and so does a process that takes more than 2 GB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from plada_ref.errors import PipelineError
from pladafmt.errors import PladaError

SECONDS = 30
BYTES = 2_000_000_000
_CASES = 250
"""Files that one process reads."""

Case = Callable[[random.Random, Path], None]
"""Makes one file in a folder and reads it; raises `Wrong` if that is not what the file says."""


class Wrong(Exception):
    """A result that is not right, without an error."""


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Damage a file as disks, networks and people do."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not made:
            break
        at = rng.randrange(len(made))
        kind = rng.randrange(11)
        if kind == 0:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[at] = rng.choice((0, 0x20, 0x2F, 0x30, 0x7F, 0x80, 0xFF))
        elif kind == 2:  # A page that was never written.
            size = rng.choice((512, 4096))
            at -= at % size
            made[at : at + size] = bytes(min(size, len(made) - at))
        elif kind == 3:
            del made[at:]
        elif kind == 4:  # A download into a file of the final size.
            made[at:] = bytes(len(made) - at)
        elif kind == 5:
            del made[at : at + rng.choice((1, 7, 512, 1024))]
        elif kind == 6:
            made[at:at] = rng.randbytes(rng.choice((1, 7, 512)))
        elif kind == 7:
            made += bytes(rng.choice((1, 512, 10_240, 100_000)))
        elif kind == 8:
            made += data[at - at % 512 :]
        elif kind == 9:
            made[at : at + 4] = rng.choice((b"\xff" * 4, b"\0\0\0\x80", b"\xff\xff\xff\x7f"))
        else:
            made[at : at + 64] = rng.randbytes(64)
    return bytes(made)


def judge(case: Case, seed: str) -> str:
    """Make one file and read it.

    Returns:
        "ok", "refused", or what is wrong.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            case(random.Random(f"{case.__name__}/{seed}"), Path(folder))
            verdict = "ok"
        except (PipelineError, PladaError) as exc:
            said = str(exc).replace(folder, "").strip()
            verdict = "refused"
            if "\n" in said or len(said) > 1000:
                verdict = f"not one sentence: {said}"
        except Wrong as exc:
            verdict = f"wrong: {exc}"
        except Exception:
            verdict = traceback.format_exc()
    if time.monotonic() - started > SECONDS:
        verdict = f"took {time.monotonic() - started:.0f} s"
    return verdict


def _judge_all(case: Case, seeds: list[str]) -> tuple[dict[str, str], int]:
    # What would take all of the machine's memory fails alone.
    resource.setrlimit(resource.RLIMIT_DATA, (2 * BYTES, 2 * BYTES))
    verdicts = {seed: judge(case, seed) for seed in seeds}
    return verdicts, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _apart(case: Case, seeds: list[str]) -> Iterator[tuple[str, str]]:
    """Judge some files in a process of their own, and again in parts if it dies."""
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            verdicts, peak = executor.submit(_judge_all, case, seeds).result()
    except BrokenProcessPool:
        if len(seeds) == 1:
            yield seeds[0], "the process that reads it died"
            return
        for half in (seeds[: len(seeds) // 2], seeds[len(seeds) // 2 :]):
            yield from _apart(case, half)
        return
    yield from verdicts.items()
    if peak > BYTES:
        yield seeds[0], f"this file or one of the {len(seeds)} after it takes {peak:,} bytes"


def run(case: Case, seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Judge `count` files of one format; yield seed and verdict."""
    for start in range(0, count, _CASES):
        stop = min(start + _CASES, count)
        yield from _apart(case, [f"{seed}/{number}" for number in range(start, stop)])


def main(cases: Mapping[str, Case], about: str | None) -> None:
    """Make and judge as many files of each format as the command line says."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=[*cases], action="append")
    chosen = parser.parse_args()
    failed = False
    for name in chosen.format or cases:
        counts: Counter[str] = Counter()
        started = time.monotonic()
        for seed, verdict in run(cases[name], chosen.seed, chosen.count):
            known = verdict if verdict in ("ok", "refused") else "FAILED"
            counts[known] += 1
            if known == "FAILED":
                failed = True
                print(f"{name} {seed}: {verdict}", flush=True)
        print(f"{name}: {dict(counts)} in {time.monotonic() - started:.0f} s", flush=True)
    sys.exit(failed)
