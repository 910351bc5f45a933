"""From small weights to a whole rule: biases, and which images are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pladafmt import Rule
from pladafmt.rules.rule import ID_BYTES, MOST_SHIFT, Kept

from ...codes.projection import SCALE
from .quantise import Quantised

_UNITS = 16
"""Units of biases and thresholds in the spread of scores, at least: each takes about a byte."""

Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]


def open_rule(found: Quantised, codes_id: bytes) -> Rule:
    """The rule that keeps every image.

    Biases are multiples of the largest power of two that is at most a 16th of the spread of a
    class's scores over the pool, whose codes have a deviation of `SCALE`.
    """
    spread = SCALE * np.sqrt((found.weights**2).sum(axis=1).mean())
    shift = int(np.clip(np.floor(np.log2(max(1.0, spread / _UNITS))), 0, MOST_SHIFT))
    biases = SCALE * (found.biases - np.median(found.biases)) / found.scale
    units = np.rint(biases / (1 << shift)).astype(np.int64)
    none = np.zeros(len(units), np.int64)
    return Rule(codes_id[:ID_BYTES], found.weights, units << shift, none, shift)


def keep(rule: Rule, every: Kept, counts: Counts, never: Rows | None = None) -> Rule:
    """The rule whose thresholds keep about some images of each class, those of largest margin.

    A threshold is the margin of the last image that is to be kept, rounded to a unit: images of
    equal margins, and those within half a unit, make the number a little larger or smaller.

    Args:
        rule: by `open_rule`.
        every: what it keeps: every image.
        counts: of the images to keep of each class, shape (C,); 0 keeps as few as may be.
        never: rows of `every` that the rule may not keep: images that do not decode. A threshold is
            above their margins, even where that costs others. Their codes are zeros, so their
            margins are those of the biases: small ones.
    """
    unit = 1 << rule.shift
    thresholds = np.zeros(rule.classes, np.int64)
    never = np.zeros(0, np.int64) if never is None else never
    barred = every.labels[never]
    for label in range(rule.classes):
        bar = int(every.margins[never[barred == label]].max(initial=-1))
        margins = every.margins[every.labels == label]
        margins = margins[margins > bar]
        wanted = int(counts[label])
        if wanted == 0:
            thresholds[label] = _above(int(margins.max(initial=0)), unit)
        elif wanted < len(margins):
            last = int(np.partition(margins, -wanted)[-wanted])
            thresholds[label] = (last + unit // 2) // unit * unit
        if thresholds[label] <= bar:
            thresholds[label] = _above(bar, unit)
    return replace(rule, thresholds=thresholds)


def _above(margin: int, unit: int) -> int:
    """The least multiple of a unit that is larger than a margin."""
    return -(-(margin + 1) // unit) * unit
