"""Makes mutants and has the vectors tell them: ``python -m plada_conformance.mutation``."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys

from .examine import PROGRAMS
from .score import score

MEMORY = 4 * 2**30
"""What a mutant may make of its process, in bytes of addresses."""


def main() -> int:
    """Print what no vector tells and a table; return 1 if there is anything, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m plada_conformance.mutation",
        description="Say which slips in the plain programs no vector of the suite tells.",
    )
    parser.add_argument("--role", choices=PROGRAMS, action="append", help="may be repeated")
    parser.add_argument("--sample", type=int, metavar="N", help="mutants of each role, not all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--function", help="make mutants of this function only")
    parser.add_argument("--json", action="store_true", help="print one object on the last line")
    options = parser.parse_args()
    _bound_memory()
    scores = []
    for role in options.role or PROGRAMS:
        found = score(role, sample=options.sample, seed=options.seed, function=options.function)
        scores.append(found)
        print(found.line, flush=True)
    if options.json:
        print(json.dumps([each.as_json() for each in scores]))
    return 0 if all(each.good for each in scores) else 1


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    sys.exit(main())
