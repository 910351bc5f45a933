"""Read the recipe in a payload's metadata: advice from a stranger, of which only sane parts count.

Nothing here raises. A member of another type, beyond what is followed, or unknown is left out, and
a sentence says which.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pladafmt import Payload
from pladafmt.text import for_terminal

from ..limits import limits
from ..models.preparation import MAX_SIZE
from .advice import MEMBERS, RECIPE, Advice
from .augment import AUGMENTATIONS
from .recipe import Recipe, Tune, recipe

MAX_PASSES = 10_000
MAX_STEPS = 1_000_000
BATCHES = (8, 1024)
"""Images per step. Of fewer, a step costs as much as of these; more fill a memory."""

LEARNING_RATES = (1e-6, 0.1)
SMOOTHINGS = (0.0, 0.9)

_NAMED = 5
"""Unknown members that a warning names."""
_SHOWN = 40
"""Characters of somebody's text that a warning quotes."""


def read_advice(payload: Payload) -> tuple[Advice, list[str]]:
    """Return what a payload advises, and a sentence for each part that is not followed."""
    found: Any = (payload.metadata or {}).get(RECIPE)
    if found is None:
        return Advice(), []
    if not isinstance(found, dict):
        return Advice(), [f"The payload's recipe is {_quoted(found)}, no object, and is ignored."]
    said: dict[str, Any] = {}
    problems = []
    for name, wanted in _wanted().items():
        value = found.get(name)
        if value is None or (name == "grey" and value is False):
            continue  # Nothing is advised.
        if wanted.takes(value):
            said[name] = value
        else:
            problems.append(
                f"The payload's recipe says {name} {_quoted(value)}, which is ignored: it is not "
                f"{wanted.what}."
            )
    unknown = [name for name in found if name not in MEMBERS]
    if unknown:
        named = ", ".join(map(_quoted, unknown[:_NAMED]))
        more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
        problems.append(
            f"The payload's recipe has members that this program does not know: {named}{more}. "
            "They are ignored."
        )
    return Advice(**said), problems


def advice_of(how: Recipe) -> Advice:
    """Return the advice to train as `how` does: what is not the default of its `tune`.

    The settings of ``weight_decay``, ``head_decay``, ``freeze_bn`` and the seed are not in it.
    """
    default = recipe(how.tune)
    names = ("steps", "batch_size", "lr", "label_smoothing", "augment")
    other: dict[str, Any] = {
        name: getattr(how, name) for name in names if getattr(how, name) != getattr(default, name)
    }
    if (how.epochs, how.min_steps) != (default.epochs, default.min_steps) and how.steps is None:
        other["epochs"] = how.epochs
    # The others mean something only with it.
    return Advice(tune=how.tune.value, **other) if other or how.tune is not Tune.HEAD else Advice()


class _Wanted:
    """What a member has to be.

    Attributes:
        what: the same in words.
        takes: whether a value is that.
    """

    def __init__(self, what: str, takes: Callable[[Any], bool]) -> None:
        self.what = what
        self.takes = takes


def _wanted() -> dict[str, _Wanted]:
    size = _whole(1, min(limits().img_size, MAX_SIZE))
    return {
        "img_size": size,
        "via_size": size,
        "grey": _Wanted("true or false", lambda value: isinstance(value, bool)),
        "tune": _one_of(*(tune.value for tune in Tune)),
        "epochs": _whole(1, MAX_PASSES),
        "steps": _whole(1, MAX_STEPS),
        "batch_size": _whole(*BATCHES),
        "lr": _number(*LEARNING_RATES),
        "label_smoothing": _number(*SMOOTHINGS),
        "augment": _one_of(*AUGMENTATIONS),
    }


def _whole(least: int, most: int) -> _Wanted:
    def takes(value: Any) -> bool:
        return type(value) is int and least <= value <= most

    return _Wanted(f"a whole number from {least:,} to {most:,}", takes)


def _number(least: float, most: float) -> _Wanted:
    def takes(value: Any) -> bool:
        return type(value) in (int, float) and least <= value <= most  # NaN is not.

    return _Wanted(f"a number from {least:g} to {most:g}", takes)


def _one_of(*known: str) -> _Wanted:
    def takes(value: Any) -> bool:
        return isinstance(value, str) and value in known

    return _Wanted(f"{', '.join(known[:-1])} or {known[-1]}", takes)


def _quoted(value: Any) -> str:
    """A value of somebody else's for people, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # What no file holds.
        text = type(value).__name__
    return for_terminal(text[:_SHOWN] + ("…" if len(text) > _SHOWN else ""))
