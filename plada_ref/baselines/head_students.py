"""Students that are linear heads on features at hand: trained and tested in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pladafmt import Payload

from ..features.head import Head, HeadSettings, fit_head
from ..features.target import Features, Target
from ..training.recipe import Recipe, recipe
from .baseline import Labels, LearnPayload

HEAD_RECIPE = recipe("head")
"""The default recipe of a linear head."""


@dataclass(frozen=True, eq=False)
class HeadStudents:
    """Fits linear heads and tests them on the features of the test images.

    Attributes:
        test: the test images.
        classes: number of classes C.
        how: a recipe of ``head``.
    """

    test: Target
    classes: int
    how: Recipe = HEAD_RECIPE

    def fit(self, views: Sequence[Features], labels: Labels) -> Head:
        """Fit a head to features of shape (n, D), one or several views of each image.

        Raises:
            PipelineError: if features are not finite.
        """
        return fit_head(
            views,
            labels.astype(np.int64),
            np.ones(len(labels)),
            self.classes,
            HeadSettings(
                decay=self.how.head_decay,
                passes=self.how.epochs,
                smoothing=self.how.label_smoothing,
            ),
        )

    def accuracy(self, head: Head) -> float:
        """Top-1 on the test images, 0 to 1."""
        return head.accuracy(self.test)

    def learn(self, views: Sequence[Features], labels: Labels) -> float:
        """Fit a head and test it."""
        return self.accuracy(self.fit(views, labels))

    def on_pool(self, *views: Features) -> LearnPayload:
        """Students of payloads, over views of all N pool images, shape (N, D) each."""

        def learn(payload: Payload) -> float:
            rows = payload.positions.astype(np.int64)
            return self.learn([view[rows] for view in views], payload.labels)

        return learn
