"""The types of what baselines take and give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pladafmt import Payload

from ..errors import PipelineError
from ..images import ImageSet
from ..runs.records import Baseline

__all__ = ["Baseline", "Labels", "LearnImages", "LearnPayload", "NothingFits"]

Labels = npt.NDArray[np.integer[Any]]

LearnImages = Callable[[ImageSet, Labels], float]
"""Trains the student on labelled images of the target; returns its accuracy, 0 to 1, on the test
images. Every baseline of one comparison takes the same student and the same test images."""

LearnPayload = Callable[[Payload], float]
"""The same for the pool images and pseudo-labels of a payload."""


class NothingFits(PipelineError):
    """A budget of bytes has no room for a single image."""
