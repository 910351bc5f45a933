"""A few of the target's own training images, as JPEG."""

from __future__ import annotations

import numpy as np

from ..errors import Misuse
from ..features.target import Features, Target
from ..images import ImageSet
from ..selection import Evidence, Ranked, SafetyNet, Selection, rank, shuffle_keys
from ..selection.budget import fit
from .baseline import Baseline, Labels, LearnImages, NothingFits
from .jpegs import QUALITY, decode_jpegs, encode_jpegs, jpeg


def target_images(
    images: ImageSet,
    labels: Labels,
    classes: int,
    *,
    learn: LearnImages,
    features: Features | None = None,
    count: int | None = None,
    budget: int | None = None,
    quality: int = QUALITY,
    seed: int = 0,
) -> Baseline:
    """Send training images of the target, equally many of each class, as JPEG.

    With `features` they are chosen by greedy k-center (``images-k-center``), without at random
    (``images-random``).

    Args:
        images: the target's training images, n.
        labels: their class numbers, shape (n,).
        classes: number of classes C.
        learn: the student; it sees the decoded JPEG images.
        features: of the images by the shared backbone, shape (n, D).
        count: images to send, or
        budget: bytes, of which as many images are sent as fit.
        quality: JPEG quality, 1 to 95.
        seed: of the random choice.

    Raises:
        Misuse: if `count` is none of 1 to n, or not one of `count` and `budget` is given.
        NothingFits: if no image fits the budget.
        PipelineError: if an image cannot be read.
    """
    order = _order(labels, classes, features, seed)
    files: dict[int, bytes] = {}

    def encoded(keep: int) -> bytes:
        rows = order.keep(keep).tolist()
        for row in rows:
            if row not in files:
                files[row] = jpeg(images.open_image(row), quality)
        return encode_jpegs([files[row] for row in rows], labels[rows], classes)

    if (count is None) == (budget is None):
        raise Misuse("Give either a number of images or a budget of bytes, not both.")
    details: dict[str, int | float | str] = {"quality": quality}
    if budget is not None:
        details["budget"] = budget
        count = fit(lambda keep: len(encoded(keep)), len(images), budget).keep
        if count == 0:
            raise NothingFits(
                f"A budget of {budget:,} bytes has no room for one JPEG image; raise it."
            )
    if count is None or not 1 <= count <= len(images):
        raise Misuse(f"Cannot send {count or 0:,} images of a task that has {len(images):,}.")
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


def _order(labels: Labels, classes: int, features: Features | None, seed: int) -> Ranked:
    """The rule that would select pool images, applied to the target's, whose labels are true.

    Of a class, k-center begins with the image nearest to its mean.
    """
    numbers = labels.astype(np.uint16)
    if features is None:
        equal_shares = SafetyNet(share=1.0, alpha=0.0)
        rule = Selection(ranking="random", safety_net=equal_shares, seed=seed)
        return rank(Evidence(numbers, {}, classes), rule)
    # K-center picks the first images of a class, and takes the others by margin; here by chance.
    chance = (shuffle_keys(len(numbers), seed) / np.float64(2**64)).astype(np.float32)
    evidence = Evidence(numbers, {"margin": chance}, classes, features, Target(features, numbers))
    return rank(evidence, Selection(ranking="k-center", seed=seed))
