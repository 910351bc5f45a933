"""Students that are linear heads on features at hand: trained and tested in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pladafmt import Payload

from ..features.cache import FeatureCache, features_of
from ..features.head import Features, Head, fit_head
from ..images import ImageSet
from ..models.preparation import Preparation
from ..output import Output
from ..training.recipe import Recipe, recipe
from .baseline import Labels, LearnPayload

Rows = npt.NDArray[np.int64]

HEAD = recipe("head")
"""The default recipe of a linear head."""


@dataclass(frozen=True, eq=False)
class HeadStudents:
    """Fits linear heads and tests them on the features of the test images.

    Attributes:
        test_features: shape (t, D).
        test_labels: class numbers, shape (t,).
        classes: number of classes C.
        how: a recipe of ``head``.
    """

    test_features: Features
    test_labels: Labels
    classes: int
    how: Recipe = HEAD

    def fit(self, views: Sequence[Features], labels: Labels) -> Head:
        """The head for features of shape (n, D), one or several views of each image.

        Raises:
            PipelineError: if features are not finite.
        """
        return fit_head(
            views,
            labels.astype(np.int64),
            np.ones(len(labels)),
            self.classes,
            decay=self.how.head_decay,
            passes=self.how.epochs,
            smoothing=self.how.label_smoothing,
        )

    def accuracy(self, head: Head) -> float:
        """Top-1 on the test images, 0 to 1."""
        x = torch.from_numpy(self.test_features).float()
        said = (x @ head.weight.T + head.bias).argmax(dim=1).numpy()
        return float((said == self.test_labels).mean())

    def learn(self, views: Sequence[Features], labels: Labels) -> float:
        """Fit a head and test it."""
        return self.accuracy(self.fit(views, labels))

    def on_pool(self, *views: Features) -> LearnPayload:
        """Students of payloads, over views of all N pool images, shape (N, D) each."""

        def learn(payload: Payload) -> float:
            rows = payload.positions.astype(np.int64)
            return self.learn([view[rows] for view in views], payload.labels)

        return learn


@dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen network that server and clients share.

    Attributes:
        network: as `plada_ref.models.spec.build` makes it.
        preparation: how its input is made.
        mirrored: whether the mirror image of each image counts as well.
        batch_size: images per pass.
    """

    network: nn.Module
    preparation: Preparation
    mirrored: bool
    batch_size: int
    device: torch.device
    workers: int | None
    output: Output

    def features(self, images: ImageSet, cache: FeatureCache | None = None) -> Features:
        """The features of all images of a set, shape (n, D); `cache` is of this very set."""
        return self._view(images, np.arange(len(images)), False, cache)

    def views(
        self, images: ImageSet, rows: Rows | None = None, cache: FeatureCache | None = None
    ) -> list[Features]:
        """What a head is fitted to: features of images, then those of their mirror images.

        Args:
            rows: which images, shape (n,); all when None.
            cache: of this very set.
        """
        chosen = np.arange(len(images)) if rows is None else rows
        flips = (False, True) if self.mirrored else (False,)
        return [self._view(images, chosen, flip, cache) for flip in flips]

    def _view(
        self, images: ImageSet, rows: Rows, flip: bool, cache: FeatureCache | None
    ) -> Features:
        return features_of(
            self.network,
            images,
            rows,
            self.preparation,
            flip=flip,
            cache=cache,
            batch_size=self.batch_size,
            device=self.device,
            workers=self.workers,
            output=self.output,
        )
