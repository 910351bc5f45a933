"""Which requirement has which vectors: ``python -m plada_conformance.coverage --json``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from . import requirements
from .vectors_on_disk import ROOT, check_manifest, vectors

_MANIFEST = "It is about a manifest, which is no .plada file; shown by tests/pool/test_manifest.py."

UNTESTABLE = {
    "PLADA-POOL-004": "It is about images that a client loads, not about a file; shown by "
    "tests/pool/test_memory_pool.py, which changes a byte of an image.",
    "PLADA-POOL-005": _MANIFEST,
    "PLADA-POOL-006": _MANIFEST,
    "PLADA-POOL-007": _MANIFEST,
    "PLADA-POOL-008": "It is about a manifest, which is no .plada file; shown by "
    "tests/pool/test_sources.py.",
    "PLADA-POOL-009": _MANIFEST,
    "PLADA-POOL-010": "It is about shards of images, not about a file; shown by "
    "tests/pool/test_sources.py, which cuts a shard everywhere.",
}
"""Requirements that no vector can show, and what shows them here."""

ONE_SIDED = {
    "PLADA-CON-011": "It only says what is accepted; the checks that it names are rejected "
    "elsewhere.",
    "PLADA-LIM-002": "It only says what is accepted.",
    "PLADA-POOL-003": "It only says what is accepted.",
}
"""Reader and client rules that only accept."""


def measure() -> dict[str, Any]:
    """Return what the vectors cover.

    `one_sided` lists the reader and client rules, but for those of `ONE_SIDED`, that lack an
    accepting or a rejecting vector.
    """
    check_manifest()
    rules = requirements.load(ROOT / requirements.FILE)
    accepting: Counter[str] = Counter()
    rejecting: Counter[str] = Counter()
    count = 0
    for vector in vectors():
        count += 1
        accepts = vector.data["verdict"] == "valid"
        for rule in vector.data["requirements"]:
            (accepting if accepts else rejecting)[rule] += 1
    covered = {rule.id for rule in rules if accepting[rule.id] or rejecting[rule.id]}
    uncovered = [rule.id for rule in rules if rule.id not in covered | set(UNTESTABLE)]
    two_sided = [
        rule.id
        for rule in rules
        if {"reader", "client"} & set(rule.roles)
        and rule.id not in UNTESTABLE
        and rule.id not in ONE_SIDED
    ]
    return {
        "vectors": count,
        "must_total": len(rules),
        "must_covered": len(covered),
        "untestable": UNTESTABLE,
        "uncovered": uncovered,
        "accept_only": ONE_SIDED,
        "one_sided": [rule for rule in two_sided if not (accepting[rule] and rejecting[rule])],
        "by_rule": {
            rule.id: {"accepting": accepting[rule.id], "rejecting": rejecting[rule.id]}
            for rule in rules
        },
    }


def show(*, as_json: bool) -> int:
    """Print a table, and one JSON object if asked for; return the exit status."""
    found = measure()
    for rule, counts in found["by_rule"].items():
        print(f"{rule:16s} {counts['accepting']:4d} accepting {counts['rejecting']:4d} rejecting")
    untestable = len(found["untestable"])
    print(
        f"{found['vectors']} vectors cover {found['must_covered']} of {found['must_total']} "
        f"requirements; {untestable} cannot be shown by a file."
    )
    if as_json:
        del found["by_rule"]
        print(json.dumps(found))
    return 1 if found["uncovered"] or found["one_sided"] else 0


if __name__ == "__main__":
    sys.exit(show(as_json="--json" in sys.argv[1:]))
