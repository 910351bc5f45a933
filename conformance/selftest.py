"""The suite tested by itself: it has to catch every decoder with a deliberate fault.

A fault is caught if a run of its decoder, like that of any client but without fresh files, does not
give the role its top grade, and a vector that fails names the requirement that the decoder breaks.
A decoder without a fault, made in the same way, has to get the top grade.

Of the mutants of the plain programs (`mutation/`), a sample is made too: a vector has to tell each,
or it stands on the list of those that no file can tell.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from .conversation import NotScored
from .environment import OWN
from .faulty import BY_NAME, CONTROLS, FAULTS, Fault
from .grading import GRADES, TOP
from .run import run

SEED = 1
"""Of the runs, so that the same faults are caught by the same vectors every time."""


MUTANTS = 40
"""How many mutants of each plain program are drawn, if not told otherwise."""

NOT_SCORED = "not scored"
"""What takes the place of a grade where the runner stops before the vectors."""


@dataclass(frozen=True)
class Finding:
    """What the suite finds in a decoder.

    Attributes:
        name: the fault's.
        requirement: what the decoder breaks.
        grade: what it reaches, or `NOT_SCORED`.
        caught_by: vectors that fail and name the requirement, in the order of their ids.
        others: how many other vectors fail.
    """

    name: str
    requirement: str
    grade: str
    caught_by: tuple[str, ...]
    others: int

    @property
    def caught(self) -> bool:
        """Whether the suite has found the fault, and for what it is."""
        return self.grade != GRADES[TOP] and bool(self.caught_by)

    @property
    def line(self) -> str:
        """The finding as a line of a table."""
        first = f"first {self.caught_by[0]}" if self.caught else f"MISSED, grade {self.grade}"
        return f"{self.name:40s} {self.requirement:15s} {len(self.caught_by):3d} vectors, {first}"


def examine(fault: Fault) -> Finding:
    """Run the suite against a decoder with this fault."""
    command = [sys.executable, "-m", f"{__package__}.faulty", fault.name]
    try:
        result = run(command, roles=[fault.role], seed=SEED, env=OWN, fresh=False)
    except NotScored:
        return Finding(fault.name, fault.requirement, NOT_SCORED, (), 0)
    failed = [each for each in result.outcomes if not each.passed]
    named = tuple(each.id for each in failed if fault.requirement in each.requirements)
    grade = result.grade(fault.role)
    return Finding(fault.name, fault.requirement, grade, named, len(failed) - len(named))


def control() -> str:
    """Return the lowest grade that a program without a fault gets in its role."""
    return min((examine(each).grade for each in CONTROLS), key=(NOT_SCORED, *GRADES).index)


def examine_all(faults: Sequence[Fault] = FAULTS, *, jobs: int = 2) -> Iterator[Finding]:
    """Yield the finding for each fault, in order; so many runs go on at a time."""
    names = [fault.name for fault in faults]
    # A process for each run: the runner ends every child that a client leaves to its process.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_examine, names)


def _examine(name: str) -> Finding:
    return examine(BY_NAME[name])


def examine_mutants(number: int, show: Callable[[str], None]) -> list[dict[str, Any]]:
    """Have the vectors tell a sample of mutants of each plain program; return the scores.

    Raises:
        RuntimeError: if the process in which they run, as they may do anything, does not say.
    """
    command = [sys.executable, "-m", f"{__package__}.mutation", "--json"]
    command += ["--sample", str(number), "--seed", str(SEED)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    *lines, last = found.stdout.splitlines() or [""]
    try:
        scores: list[dict[str, Any]] = json.loads(last)
    except ValueError as error:
        raise RuntimeError(f"The mutants cannot be examined: {found.stderr[-500:]}") from error
    for line in lines:
        show(line)
    return scores


def selftest(
    faults: Sequence[Fault] = FAULTS,
    *,
    jobs: int = 2,
    mutants: int = MUTANTS,
    show: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Examine the control and every fault, and a sample of mutants; return what was found.

    Args:
        faults: those to examine.
        jobs: how many runs go on at a time.
        mutants: how many mutants of each plain program to draw.
        show: called with each line of the table.

    Returns:
        The number of `faulty` decoders and of those `caught`, the names of those `missed`, the
        grade of the `control`, and for each role the score of the sample of `mutants`.
    """
    grade = control()
    show(f"{'no fault':40s} {'the control':15s} grade {grade}")
    findings = []
    for finding in examine_all(faults, jobs=jobs):
        findings.append(finding)
        show(finding.line)
    caught = sum(finding.caught for finding in findings)
    show(f"{caught} of {len(findings)} faulty decoders are caught.")
    return {
        "faulty": len(findings),
        "caught": caught,
        "missed": [finding.name for finding in findings if not finding.caught],
        "control": grade,
        "mutants": examine_mutants(mutants, show) if mutants else [],
    }


def passed(report: dict[str, Any]) -> bool:
    """Return whether every fault and mutant is caught and the control is not."""
    survivors = any(score["survivors"] for score in report["mutants"])
    return not report["missed"] and not survivors and bool(report["control"] == GRADES[TOP])


def main(arguments: Sequence[str]) -> int:
    """Print a table, and one JSON object if asked for; return the exit status."""
    report = selftest()
    if "--json" in arguments:
        print(json.dumps(report))
    return 0 if passed(report) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
