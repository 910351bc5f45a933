"""A rule: a small linear classifier on codes, exact in integers (specification, section 17)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import Mismatch, Unwritable
from ..threads import in_turn
from .codes import MOST_COLUMNS, Codes
from .scores import ROWS, Scorer

MOST_TOP = 15
MOST_SHIFT = 15
MOST_SCORE = 2**24 - 1
"""Largest absolute value of any score: exact in single precision."""
MOST_THRESHOLD = 2**25

ID_BYTES = 8

_CELLS = 1 << 18
"""Scores, or codes, that each thread holds at a time: they stay in the cache of its core."""

_SHARE = 1 << 17
"""Images that a thread evaluates before the next share is given out."""

Integers = npt.NDArray[np.signedinteger[Any]]
Scores = npt.NDArray[np.int32]


class Kept(NamedTuple):
    """What a rule keeps: positions (uint64), labels (uint16), margins (int32), each (K,)."""

    positions: npt.NDArray[np.uint64]
    labels: npt.NDArray[np.uint16]
    margins: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Rule:
    """Which images of a pool are kept, and of which class they are, by their codes.

    Attributes:
        codes_id: the first 8 bytes of the id of the codes of the pool's N images.
        weights: shape (C, d), kept as int8; the largest absolute value is at most 15.
        biases: shape (C,), kept as int32; multiples of 2^shift.
        thresholds: shape (C,), kept as int32; multiples of 2^shift. An image is kept if its margin
            is at least that of its class.
        shift: 0 to 15.

    Raises:
        Unwritable: if the parts do not fit together or into a file.
    """

    codes_id: bytes
    weights: Integers
    biases: Integers
    thresholds: Integers
    shift: int = 0

    def __post_init__(self) -> None:
        for name, kind in (("weights", np.int8), ("biases", np.int32), ("thresholds", np.int32)):
            given = np.asarray(getattr(self, name))
            kept = given.astype(kind)
            if not np.array_equal(kept, given):
                raise _unwritable(f"The {name} of a rule do not fit {np.dtype(kind).name}.")
            kept.setflags(write=False)
            object.__setattr__(self, name, kept)
        if len(self.codes_id) != ID_BYTES:
            raise _unwritable(f"A rule names {ID_BYTES} bytes of a codes id.")
        if self.weights.ndim != 2 or not 1 <= self.columns <= MOST_COLUMNS or self.classes < 2:
            raise _unwritable("A rule has 2 classes or more, and 1 to 1,024 columns.")
        if self.biases.shape != (self.classes,) or self.thresholds.shape != (self.classes,):
            raise _unwritable("A rule has one bias and one threshold for each class.")
        if not 0 <= self.shift <= MOST_SHIFT or not 1 <= self.top <= MOST_TOP:
            raise _unwritable("A rule has weights of at most 15 and a shift of at most 15.")
        if ((self.biases | self.thresholds) % (1 << self.shift)).any():
            raise _unwritable("Biases and thresholds of a rule are multiples of 2^shift.")
        if not self.is_exact():
            raise _unwritable("A rule's scores may not exceed 2^24 - 1, nor thresholds 2^25.")

    @property
    def classes(self) -> int:
        """C, the number of classes."""
        return int(self.weights.shape[0])

    @property
    def columns(self) -> int:
        """Number of codes of each image that the rule uses (d)."""
        return int(self.weights.shape[1])

    @property
    def top(self) -> int:
        """The largest absolute value that a file allows its weights: at least 1."""
        return max(1, int(np.abs(self.weights.astype(np.int16)).max(initial=0)))

    @property
    def step(self) -> int:
        """Images that `keep` evaluates at a time."""
        return max(1, _CELLS // max(self.classes, self.columns) // ROWS) * ROWS

    def is_exact(self) -> bool:
        """Whether all scores stay below 2^24, and no threshold is negative or above 2^25."""
        sums = np.abs(self.weights.astype(np.int64)).sum(axis=1)
        largest = np.abs(self.biases.astype(np.int64)) + 128 * sums
        low, high = int(self.thresholds.min()), int(self.thresholds.max())
        return int(largest.max()) <= MOST_SCORE and low >= 0 and high <= MOST_THRESHOLD

    def check(self, codes: Codes, images: int) -> None:
        """Check that these are the codes of the pool's first `images` images.

        Raises:
            Mismatch: ``codes-mismatch`` if they are others, or there are too few.
        """
        enough = codes.columns >= self.columns and len(codes) >= images
        if enough and codes.id_of(images)[:ID_BYTES] == self.codes_id:
            return
        raise Mismatch(
            "codes-mismatch",
            f"The rule is for the codes {self.codes_id.hex()}... of {images} images and uses "
            f"{self.columns} columns; the codes at hand are others ({len(codes)} images, "
            f"{codes.columns} columns). Get those that the pool's publisher ships.",
            field="RULE.codes_id",
        )

    def scores(self, codes: npt.NDArray[np.int8]) -> Scores:
        """Return the score of each class for each image, int32, shape (n, C).

        Args:
            codes: rows of a code table, shape (n, D), int8.
        """
        return Scorer(self.weights, self.biases)(codes).astype(np.int32)

    def keep(self, codes: Codes, images: int) -> Kept:
        """Return what the rule keeps of the first `images` images. The codes are not checked."""
        score = Scorer(self.weights, self.biases)
        kept = _room(0)
        starts = range(0, images, _SHARE)
        for share in in_turn(lambda start: self._share(score, codes, start, images), starts):
            _append(kept.positions, share.positions)
            _append(kept.labels, share.labels)
            _append(kept.margins, share.margins)
        return kept

    def _share(self, score: Scorer, codes: Codes, start: int, images: int) -> Kept:
        stop = min(start + _SHARE, images)
        kept = _room(stop - start)
        count = 0
        for first in range(start, stop, self.step):
            scores = score(codes.table[first : min(first + self.step, stop)])
            every = np.arange(len(scores))
            labels = scores.argmax(axis=1)  # The first of the largest.
            best = scores[every, labels].astype(np.int32)
            scores[every, labels] = -np.inf
            # The place first: NumPy finds it in half the time that the largest value takes.
            second = scores[every, scores.argmax(axis=1)].astype(np.int32)
            # A margin may be as large as 2^25 - 2, which single precision does not hold exactly.
            margins = best - second
            chosen = np.flatnonzero(margins >= self.thresholds[labels])
            after = count + chosen.size
            kept.positions[count:after] = chosen + first
            kept.labels[count:after] = labels[chosen]
            kept.margins[count:after] = margins[chosen]
            count = after
        return Kept(kept.positions[:count], kept.labels[:count], kept.margins[:count])


def _room(images: int) -> Kept:
    """Return columns for so many images, with anything in them."""
    return Kept(
        np.empty(images, np.uint64), np.empty(images, np.uint16), np.empty(images, np.int32)
    )


def _append(column: npt.NDArray[Any], more: npt.NDArray[Any]) -> None:
    """Let a column grow where it lies: joining all shares at the end would take them twice."""
    count = len(column)
    column.resize(count + len(more), refcheck=False)  # Nobody else has it yet.
    column[count:] = more


def _unwritable(problem: str) -> Unwritable:
    return Unwritable("rule", problem, field="RULE")
