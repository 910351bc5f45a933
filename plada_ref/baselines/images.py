"""A few of the target's own training images, as JPEG."""

from __future__ import annotations

import numpy as np

from ..errors import Misuse
from ..features.target import Features, Target
from ..runs.records import Details
from ..selection import (
    Evidence,
    RankedImages,
    SafetyNet,
    Selection,
    Size,
    random_sort_keys,
    rank_images,
)
from ..selection.budget import largest_within
from ..tasks.task import Task
from .baseline import Baseline, Labels, LearnImages, NothingFits
from .jpegs import QUALITY, decode_jpegs, encode_jpegs, jpeg


def target_images(
    task: Task,
    size: Size,
    *,
    learn: LearnImages,
    features: Features | None = None,
    quality: int = QUALITY,
    seed: int = 0,
) -> Baseline:
    """Send training images of the target, equally many of each class, as JPEG.

    With `features` they are chosen by greedy k-center (``images-k-center``), without at random
    (``images-random``).

    Args:
        task: the target's training images, n.
        size: a number of images, or a budget of bytes for as many as fit.
        learn: the student; it sees the decoded JPEG images.
        features: of the images by the shared backbone, shape (n, D).
        quality: JPEG quality, 1 to 95.
        seed: of the random choice.

    Raises:
        Misuse: if a number of images is not 1 to n.
        NothingFits: if no image fits the budget.
        PipelineError: if an image cannot be read.
    """
    images, labels, classes = task.images, task.labels, len(task.classes)
    order = _order(labels, classes, features, seed)
    files: dict[int, bytes] = {}

    def encoded(keep: int) -> bytes:
        rows = order.keep(keep).tolist()
        for row in rows:
            if row not in files:
                files[row] = jpeg(images.open_image(row), quality)
        return encode_jpegs([files[row] for row in rows], labels[rows], classes)

    details: Details = {"quality": quality}
    if size.budget is not None:
        details["budget"] = size.budget
        count = largest_within(lambda keep: len(encoded(keep)), len(images), size.budget).keep
        if count == 0:
            raise NothingFits(
                f"A budget of {size.budget:,} bytes has no room for one JPEG image; raise it."
            )
    else:
        count = size.count or 0
    if not 1 <= count <= len(images):
        raise Misuse(f"Cannot send {count:,} images of a task that has {len(images):,}.")
    data = encoded(count)
    received, their_labels = decode_jpegs(data, classes)
    details |= {"images": count, "classes_without_image": classes - len(np.unique(their_labels))}
    how, key = ("Random", "random") if features is None else ("K-center", "k-center")
    return Baseline(
        name=f"{how} training images, JPEG",
        key=f"images-{key}",
        bytes=len(data),
        accuracy=learn(received, their_labels),
        details=details,
    )


def _order(labels: Labels, classes: int, features: Features | None, seed: int) -> RankedImages:
    """Rank the target's images, whose labels are true, by what would select pool images.

    Of a class, k-center begins with the image nearest to its mean.
    """
    numbers = labels.astype(np.uint16)
    if features is None:
        equal_shares = SafetyNet(share=1.0, alpha=0.0)
        selection = Selection(ranking="random", safety_net=equal_shares, seed=seed)
        return rank_images(Evidence(numbers, {}, classes), selection)
    # K-center picks the first images of a class, and takes the others by margin; here by chance.
    chance = (random_sort_keys(len(numbers), seed) / np.float64(2**64)).astype(np.float32)
    evidence = Evidence(numbers, {"margin": chance}, classes, features, Target(features, numbers))
    return rank_images(evidence, Selection(ranking="k-center", seed=seed))
