"""Payloads that need no ranking: of images at random, and of the whole pool."""

from __future__ import annotations

import numpy as np

from pladafmt import Payload, PoolRef, dumps, loads

from ..selection import Evidence, Selection, rank
from ..selection.budget import fit
from .baseline import Baseline, Labels, LearnPayload, NothingFits


def random_selection(
    pool: PoolRef,
    labels: Labels,
    classes: int,
    *,
    budget: int,
    learn: LearnPayload,
    seed: int = 0,
) -> Baseline:
    """As many pool images at random as a file of `budget` bytes has room for (``random``).

    Args:
        pool: id and size N of the pool.
        labels: pseudo-label of each pool image, shape (N,).
        classes: number of classes C.
        budget: bytes of the whole file, dense and without class names.
        learn: the student.
        seed: of the choice.

    Raises:
        Misuse: if not even a file without an image fits.
        NothingFits: if no image does.
    """
    rule = Selection(ranking="random", seed=seed)
    order = rank(Evidence(labels.astype(np.uint16), {}, classes), rule)

    def encoded(keep: int) -> bytes:
        positions = order.keep(keep)
        return dumps(Payload(pool, classes, positions, labels[positions]), dense=True)

    keep = fit(lambda count: len(encoded(count)), pool.size, budget).keep
    if keep == 0:
        raise NothingFits(f"A budget of {budget:,} bytes has no room for one pool image; raise it.")
    return _learned("Random pool images", "random", encoded(keep), learn, {"budget": budget})


def whole_pool(pool: PoolRef, labels: Labels, classes: int, *, learn: LearnPayload) -> Baseline:
    """The pseudo-labels of all pool images: keep rate 100 % (``whole-pool``).

    Args:
        pool: id and size N of the pool.
        labels: pseudo-label of each pool image, shape (N,).
        classes: number of classes C.
        learn: the student.
    """
    everything = Payload(pool, classes, np.arange(pool.size), labels)
    return _learned("Whole pool", "whole-pool", dumps(everything, dense=True), learn, {})


def _learned(
    name: str,
    key: str,
    data: bytes,
    learn: LearnPayload,
    details: dict[str, int | float | str],
) -> Baseline:
    payload = loads(data)
    lost = payload.class_count - len(np.unique(payload.labels))
    about = details | {"images": payload.kept, "classes_without_image": lost}
    return Baseline(name, key, len(data), learn(payload), about)
