"""What a payload says of itself in its metadata: who made it, by what, and how to train on it.

The keys are those of Appendix E of the specification. All of it is informative: a payload means the
same without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pladafmt import Payload, PoolRef, __version__, dumps

from ..training.advice import RECIPE, Advice

PRODUCER = f"plada {__version__}"


def describe(*, teacher: str | None, selection: str, advice: Advice) -> dict[str, Any]:
    """Return the metadata of a payload.

    Args:
        teacher: name of the teacher's model; None if it is not known.
        selection: spelling of what images were kept by.
        advice: how its students may be trained.
    """
    made: dict[str, Any] = {"producer": PRODUCER, "selection": selection}
    if teacher is not None:
        made["teacher"] = teacher
    recipe = advice.to_json()
    return made | ({RECIPE: recipe} if recipe else {})


def with_own(
    made: Mapping[str, Any] | None, own: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return metadata with somebody's own members, which win; of two recipes, member by member."""
    if made is None or own is None:
        one = own if made is None else made
        return None if one is None else dict(one)
    merged = {**made, **own}
    before, theirs = made.get(RECIPE), own.get(RECIPE)
    if isinstance(before, dict) and isinstance(theirs, dict):
        merged[RECIPE] = before | theirs
    return merged


def bytes_of(metadata: Mapping[str, Any] | None) -> int:
    """Return the bytes of a payload's file that its metadata take; 0 for None."""
    empty = Payload(PoolRef(bytes(32), 0), 1, [], [])
    with_it = empty if metadata is None else replace(empty, metadata=dict(metadata))
    return len(dumps(with_it)) - len(dumps(empty))
