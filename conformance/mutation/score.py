"""The score of the vectors of a role: how many mutants they tell from the program."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import equivalent
from .examine import Examiner
from .mutants import Mutant, mutants


@dataclass
class Score:
    """What became of the mutants of a role's program.

    Attributes:
        role: the role.
        program: the program that plays it.
        made: how many mutants there are, or were drawn.
        killed: how many a vector tells from the program.
        equivalent: how many no file can tell, by reason.
        survivors: those that no vector tells though some file could.
        listed: those on the list of equivalent ones that a vector does tell.
        seconds: processor time.
    """

    role: str
    program: str
    made: int = 0
    killed: int = 0
    equivalent: Counter[str] = field(default_factory=Counter)
    survivors: list[Mutant] = field(default_factory=list)
    listed: list[Mutant] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether every mutant is told, or rightly on the list."""
        return not self.survivors and not self.listed

    @property
    def line(self) -> str:
        """The score as a line of a table."""
        return (
            f"{self.role:9s} {self.program:15s} {self.made:5d} made {self.killed:5d} killed "
            f"{self.equivalent.total():4d} equivalent {len(self.survivors):3d} survive "
            f"{self.seconds:6.0f} s"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the score as a JSON object."""
        return {
            "role": self.role,
            "program": self.program,
            "made": self.made,
            "killed": self.killed,
            "equivalent": dict(sorted(self.equivalent.items())),
            "survivors": [equivalent.entry(each) for each in self.survivors],
            "listed_and_killed": [equivalent.entry(each) for each in self.listed],
            "seconds": round(self.seconds, 1),
        }


def score(
    role: str,
    *,
    sample: int | None = None,
    seed: int = 1,
    function: str | None = None,
    show: Callable[[str], None] = print,
) -> Score:
    """Have the vectors of a role tell the mutants of its program.

    Args:
        role: the role.
        sample: how many mutants to draw; all if None. Of a sample, those on the list of equivalent
            ones are taken at their word.
        seed: of the sample.
        function: the only function whose mutants are made; all if None.
        show: called with each finding, as it would stand on the list.
    """
    start = time.process_time()
    reasons = equivalent.load()
    with Examiner(role) as examiner:
        found = Score(role, examiner.program)
        wanted = [each for each in mutants(examiner.program) if function in (None, each.function)]
        if sample is not None and sample < len(wanted):
            wanted = random.Random(f"{seed} {role}").sample(wanted, sample)
        for mutant in wanted:
            found.made += 1
            reason = reasons.get(mutant.key)
            if reason and sample is not None:
                found.equivalent[reason] += 1
            elif examiner.killer(mutant):
                found.killed += 1
                if reason:
                    found.listed.append(mutant)
                    show(f"Listed as equivalent, and told:\n{equivalent.entry(mutant)}")
            elif reason:
                found.equivalent[reason] += 1
            else:
                found.survivors.append(mutant)
                show(f"No vector tells:\n{equivalent.entry(mutant)}")
    found.seconds = time.process_time() - start
    return found
