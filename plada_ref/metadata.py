"""What plada says of a payload in its metadata: who made it, by what, and how to train on it.

The keys are those of Appendix E of the specification. All of it is informative: a payload means the
same without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pladafmt import __version__

PRODUCER = f"plada {__version__}"

RECIPE = "recipe"
"""The key under which an `Advice` stands."""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """How a student may be trained: the members of ``recipe``, of which None are not said.

    Attributes:
        img_size: height and width of the model's input, in pixels.
        via_size: height and width that images are resampled to first, in pixels.
        grey: whether models are shown the grey levels alone.
        tune: which part of the model is trained: ``head``, ``slow`` or ``all``. The members below
            are for that.
        epochs: passes over the images.
        steps: optimiser steps, in place of `epochs`.
        batch_size: images per step.
        lr: largest learning rate of AdamW.
        label_smoothing: share of the target spread over all classes.
        augment: name of the random changes to images.
    """

    img_size: int | None = None
    via_size: int | None = None
    grey: bool | None = None
    tune: str | None = None
    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    label_smoothing: float | None = None
    augment: str | None = None

    def over(self, other: Advice) -> Advice:
        """Return the same with what `other` says where this says nothing."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return Advice(**(asdict(other) | said))

    def to_json(self) -> dict[str, Any]:
        """The members that are said, as JSON values; what is not grey need not be said."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        if not self.grey:
            said.pop("grey", None)
        return said


MEMBERS = tuple(field.name for field in fields(Advice))
"""The members of ``recipe`` that have a meaning."""


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


def in_words(value: Any) -> str:
    """Return the value of a member for people: ``img_size 96, via_size 32`` of an object.

    It is somebody else's text, to be escaped by who shows it.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and not any(isinstance(each, dict) for each in value.values()):
        return ", ".join(f"{name} {in_words(each)}" for name, each in value.items())
    return json.dumps(value, ensure_ascii=False)
