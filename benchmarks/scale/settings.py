"""The settings that every part gets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

IMAGES = 14_197_122
"""The images of ImageNet-21K."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line says.

    Attributes:
        counts: CSV file with the number of images of each synset.
        work: folder for what is made up; whoever made it removes it.
        images: N.
        quick: whether the parts that do not follow from N are small as well.
        rounds: repetitions of what is timed.
        weights: weights of `label.MODEL`; random ones when None, which are as fast.
        pools: sizes of the pools that go through all commands.
        device: what `label` runs on.
        seed: of everything that is drawn.
    """

    counts: Path
    work: Path
    images: int = IMAGES
    quick: bool = False
    rounds: int = 5
    weights: Path | None = None
    pools: tuple[int, ...] = (10_000, 100_000)
    device: str = "cpu"
    seed: int = 0
