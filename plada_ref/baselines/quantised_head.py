"""A linear head of few bits on the frozen backbone that server and clients share."""

from __future__ import annotations

import numpy as np
import torch

from pladafmt import varint

from ..features.head import Head
from ..features.target import Features, Target
from ..training.recipe import Recipe
from .baseline import Baseline
from .frames import Reader, compress
from .head_students import HEAD_RECIPE, HeadStudents
from .quantise import Rows, Values, half, quantise

HALVINGS = 20
"""Levels at which weights are clipped on trial."""


def encode_head(head: Head, bits: int) -> bytes:
    """C, D, a unit as float32, and in that unit: the rows of the weights, and the bias as float16.

    The unit is the largest number of the head. Features of odd scales have weights that are too
    large, or too small, for float16.

    Raises:
        Misuse: if `bits` is not 2 to 8.
        PipelineError: if a weight is not a finite number.
    """
    classes, width = head.weight.shape
    weight: Values = head.weight.numpy()
    bias: Values = head.bias.numpy()
    unit = np.float32(max(np.abs(weight).max(initial=0), np.abs(bias).max(initial=0)) or 1)
    return compress(
        [
            varint.write(classes),
            varint.write(width),
            unit.tobytes(),
            *quantise(weight / unit, bits).parts(),
            half(bias / unit).astype("<f2").tobytes(),
        ]
    )


def decode_head(data: bytes) -> Head:
    """The head that `encode_head` wrote, with what quantisation left of its weights.

    Raises:
        PipelineError: if `data` is something else.
    """
    reader = Reader(data, what="quantised linear head")
    classes, width = reader.number(), reader.number()
    unit = reader.array("<f4", 1)
    weight = Rows.read(reader, classes, width).values * unit
    bias = reader.array("<f2", classes).astype(np.float32) * unit
    reader.finish()
    return Head(torch.from_numpy(weight), torch.from_numpy(bias))


def encode_best(head: Head, bits: int, train: Target) -> bytes:
    """The encoded head, its largest weights clipped where that helps on the training images.

    A feature that hardly varies has a huge weight that matters to no image, and would take all the
    resolution from its row. Of the levels that halve from the largest weight on, the one at which
    the decoded head is right on most training images is taken, the highest among equals.
    """
    largest = float(head.weight.abs().max())
    best, reached = b"", -1.0
    for halvings in range(HALVINGS):
        level = largest / 2**halvings
        data = encode_head(Head(head.weight.clamp(-level, level), head.bias), bits)
        accuracy = decode_head(data).accuracy(train)
        if accuracy > reached:
            best, reached = data, accuracy
    return best


def quantised_head(
    train: Target,
    test: Target,
    classes: int,
    bits: int = 8,
    *,
    mirrored: Features | None = None,
    how: Recipe = HEAD_RECIPE,
) -> Baseline:
    """Fit a linear head to all labelled images of the target, and send it with few bits per weight.

    The baseline's key is ``int8-head``, ``int4-head`` and so on.

    Args:
        train: the target's training images, n, as the shared backbone sees them.
        test: the test images, likewise.
        classes: number of classes C.
        bits: per weight, 2 to 8.
        mirrored: features of the mirror images, shape (n, D), which then count alike.
        how: a recipe of ``head``.

    Raises:
        Misuse: if `bits` is out of range.
        PipelineError: if features are not finite.
    """
    students = HeadStudents(test, classes, how)
    views = [train.features] if mirrored is None else [train.features, mirrored]
    head = students.fit(views, train.labels)
    data = encode_best(head, bits, train)
    return Baseline(
        name=f"INT{bits} linear head",
        key=f"int{bits}-head",
        bytes=len(data),
        accuracy=students.accuracy(decode_head(data)),
        details={
            "bits": bits,
            "features": train.features.shape[1],
            "images": len(train.labels),
            "unquantised_accuracy": students.accuracy(head),
        },
    )
