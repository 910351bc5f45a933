"""How a student may be trained, as a payload's metadata say it (specification, Appendix E)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

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
