"""What a rule is fitted to: the task's own images, the teacher's labels of the pool, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pladafmt import Codes

from ...labelling.scores import ScoreTable
from .fit import Examples

LOW_ENERGY = 0.3
"""The part of each class's pseudo-labels, those of lowest energy, that rules are fitted to. On
CIFAR-10 through Tiny-ImageNet a rule of 340 bytes named 76.6 % of test images rightly, and 76.8 %
fitted to the lowest 30 % of all classes together; to half of the pool 76.5 %, to a tenth 76.2 %, to
all of it 75.8 %; to the task's images 78.3 %."""

MOST = 200_000
"""Images of the pool that a rule is fitted to, at most."""

HELD_OUT = 0.2
"""The part of the pool's images that is held out, to choose by, where there is no task."""


def pool_examples(codes: Codes, table: ScoreTable, *, seed: int) -> Examples:
    """Images of the pool with their pseudo-labels: of each class those of lowest energy.

    Args:
        codes: of the pool's images, at least.
        seed: of the images that are drawn if there are more than `MOST`.
    """
    rows = _low_energy(table)
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
    return Examples(codes.table[rows], table.labels[rows], len(table.classes))


def divided(examples: Examples, *, seed: int) -> tuple[Examples, Examples]:
    """(the rest, a part that is held out), by chance; neither is empty if there are two images."""
    count = len(examples)
    held = np.zeros(count, bool)
    number = min(max(1, round(HELD_OUT * count)), count - 1)
    held[np.random.default_rng(seed).permutation(count)[:number]] = True
    return examples.rows(np.flatnonzero(~held)), examples.rows(np.flatnonzero(held))


def joined(parts: Sequence[Examples]) -> Examples:
    """Examples of one kind: every image counts alike."""
    return Examples(
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.targets for part in parts]),
        parts[0].classes,
    )


def together(kinds: Sequence[Examples]) -> Examples:
    """Examples of several kinds, each of which counts as much as the others."""
    return replace(joined(kinds), weights=np.concatenate([kind.shares for kind in kinds]))


def _low_energy(table: ScoreTable) -> npt.NDArray[np.int64]:
    """The positions of each class's images of lowest energy, ascending; at least one of each."""
    readable = np.delete(np.arange(len(table)), table.unreadable)
    order = readable[np.lexsort((table.energy[readable], table.labels[readable]))]
    supply = table.histogram()
    starts = np.cumsum(supply) - supply
    rank = np.arange(len(order)) - np.repeat(starts, supply)
    wanted = np.ceil(LOW_ENERGY * supply)
    return np.sort(order[rank < np.repeat(wanted, supply)])
