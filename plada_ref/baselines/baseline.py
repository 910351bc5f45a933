"""What all baselines give, and what some of them take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pladafmt import Payload

from ..errors import PipelineError
from ..images import ImageSet

Labels = npt.NDArray[np.integer[Any]]

LearnImages = Callable[[ImageSet, Labels], float]
"""Trains the student on labelled images of the target; returns its accuracy, 0 to 1, on the test
images. Every baseline of one comparison takes the same student and the same test images."""

LearnPayload = Callable[[Payload], float]
"""The same for the pool images and pseudo-labels of a payload."""


@dataclass(frozen=True)
class Baseline:
    """Something other than a `.plada` file of selected images, and what a client reaches with it.

    Attributes:
        name: for people, such as ``"INT8 linear head"``.
        key: for programs, such as ``"int8-head"``.
        bytes: size of what is sent. Class names are in none of them.
        accuracy: top-1 on the test images, 0 to 1.
        details: facts about it: numbers and texts.
    """

    name: str
    key: str
    bytes: int
    accuracy: float
    details: dict[str, int | float | str]


class NothingFits(PipelineError):
    """A budget of bytes has no room for a single image."""
