"""Payloads that need no ranking: of images at random, and of the whole pool."""

from __future__ import annotations

import numpy as np

from pladafmt import Payload, dumps, loads

from ..labelling.scores import ScoreTable
from ..runs.records import Details
from ..selection import Selection, Size
from ..selection.producer import Producer
from ..selection.prune import PayloadOptions
from .baseline import Baseline, LearnPayload, NothingFits

_OPTIONS = PayloadOptions(dense=True, named=False)


def random_selection(
    table: ScoreTable, *, budget: int, learn: LearnPayload, seed: int = 0
) -> Baseline:
    """Send as many pool images at random as fit into a file of `budget` bytes (``random``).

    Args:
        table: the pool's pseudo-labels.
        budget: bytes of the whole file, dense and without class names.
        learn: the student.
        seed: of the choice.

    Raises:
        Misuse: if not even a file without an image fits.
        NothingFits: if no image does.
    """
    selection = Selection(ranking="random", seed=seed)
    payload = Producer(table, options=_OPTIONS).make(selection, Size(budget=budget)).payload
    if payload.kept == 0:
        raise NothingFits(f"A budget of {budget:,} bytes has no room for one pool image; raise it.")
    return _learned("Random pool images", "random", payload, learn, {"budget": budget})


def whole_pool(table: ScoreTable, *, learn: LearnPayload) -> Baseline:
    """Send the pseudo-labels of all pool images that decode: keep rate 100 % (``whole-pool``).

    Args:
        table: the pool's pseudo-labels.
        learn: the student.
    """
    everything = Producer(table, options=_OPTIONS).make(Selection(), Size(keep_rate=1.0))
    return _learned("Whole pool", "whole-pool", everything.payload, learn, {})


def _learned(
    name: str,
    key: str,
    made: Payload,
    learn: LearnPayload,
    details: Details,
) -> Baseline:
    data = dumps(made, dense=True)
    payload = loads(data)
    lost = payload.class_count - len(np.unique(payload.labels))
    about = details | {"images": payload.kept, "classes_without_image": lost}
    return Baseline(name=name, key=key, bytes=len(data), accuracy=learn(payload), details=about)
