"""A run of the fuzzer: mutants of valid files are read by several readers, which have to agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise

from ..decoders import PLAIN
from ..process import Bounds
from . import mutate
from .minimise import minimise
from .readers import Readers, high_water, kind_of
from .tally import Finding, Tally

TRACED_EVERY = 500
"""One file in so many is read under tracemalloc, which takes several times as long."""

MINIMISING = 60.0
"""Seconds that one file may take to be made smaller."""

Progress = Callable[[int], None]


def fuzz(
    seed: int,
    count: int,
    *,
    command: Sequence[str] = (),
    bounds: Bounds | None = None,
    env: Sequence[str] = (),
    jobs: int = 1,
    progress: Progress | None = None,
) -> Tally:
    """Read the first `count` mutants of `seed`, and return what was found, minimised.

    Args:
        seed: of everything that is chosen at random.
        count: how many mutants.
        command: a client that reads them too.
        bounds: what the client may use for each file.
        env: names of environment variables that the client gets besides the usual ones.
        jobs: processes to share the work among; the findings are the same for any number.
        progress: called with the number of files read, now and then, if there is one job.

    Raises:
        NotScored: if the client does not start.
    """
    if jobs <= 1:
        tally = _share(seed, 0, count, command, bounds, env, progress)
    else:
        edges = [count * job // jobs for job in range(jobs + 1)]
        tally = Tally(seed)
        with ProcessPoolExecutor(jobs) as pool:
            shares = [
                pool.submit(_share, seed, start, stop, command, bounds, env)
                for start, stop in pairwise(edges)
            ]
            for share in shares:
                tally.add(share.result())
    if tally.findings:
        with Readers(command, bounds, env) as readers:
            for finding in tally.findings:
                _minimise(readers, seed, finding)
    return tally


def _share(
    seed: int,
    start: int,
    stop: int,
    command: Sequence[str],
    bounds: Bounds | None,
    env: Sequence[str],
    progress: Progress | None = None,
) -> Tally:
    """Read the mutants with these numbers."""
    tally = Tally(seed)
    began, memory = time.monotonic(), high_water()
    with Readers(command, bounds, env) as readers:
        for number in range(start, stop):
            _one(readers, tally, number)
            if progress is not None and tally.files % 10_000 == 0:
                progress(tally.files)
    tally.seconds = time.monotonic() - began
    tally.high_water = memory, high_water()
    return tally


def _one(readers: Readers, tally: Tally, number: int) -> None:
    recipe = mutate.recipe(tally.seed, number)
    data, changes = recipe.make()
    limits = _limits_of(readers, recipe, data)
    codes = recipe.codes
    answers = readers.ask(data, limits, codes, traced=number % TRACED_EVERY == 0)
    plain = answers[PLAIN]
    tally.files += 1
    tally.verdicts[plain.code or plain.verdict] += 1
    tally.unchanged += plain.verdict == "valid" and data == recipe.start.data
    kind = kind_of(answers)
    if kind is not None:
        tally.count(Finding(number, kind, data, limits, changes, answers, codes))


def _limits_of(readers: Readers, recipe: mutate.Recipe, data: bytes) -> dict[str, int]:
    if readers.limits_are_fixed:
        return readers.limits
    return mutate.limits_for(recipe, data, readers.limits)


def _minimise(readers: Readers, seed: int, finding: Finding) -> None:
    """Make a finding's file as small as it gets with the same disagreement."""

    def keep(data: bytes) -> bool:
        answers = readers.ask(data, finding.limits, finding.codes, traced=traced)
        return kind_of(answers) == finding.kind

    traced = any(answer.verdict == "memory" for answer in finding.answers.values())
    if not keep(finding.data):
        # It does not happen again, as with the memory that a first time takes.
        return
    recipe = mutate.recipe(seed, finding.number)
    step = 0
    while step < len(recipe.steps) + len(recipe.cuts):
        fewer = mutate.without(recipe, step)
        data, changes = fewer.make()
        if keep(data):
            recipe, finding.data, finding.changes = fewer, data, changes
        else:
            step += 1
    finding.data = minimise(finding.data, keep, codes=finding.codes, seconds=MINIMISING)
    finding.answers = readers.ask(finding.data, finding.limits, finding.codes, traced=traced)
