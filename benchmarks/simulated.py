"""Simulated scores of a pool the size and shape of ImageNet-21k, which may not be passed on itself.

Only the number of images per synset is real (facts/imagenet21k-synset-counts.csv: 21,841 synsets,
14,197,114 images, in the order of their ids). The rest is drawn:

- A synset's effect is 0.7 a + sqrt(0.51) e. `a` is an autoregressive series along synset order
  (coefficient 0.9, unit variance), for neighbours mean similar things; `e` is white noise. 300
  random synsets get Gamma(2, 1.2) on top: they are what the task is about.
- An image's score is sharpness x effect + Gumbel noise. Energy is minus the score.
- A synset prefers one class, drawn from a Zipf law (exponent 0.8) over the classes, and has four
  other classes, drawn alike. A label is the preferred class, but with probability `noise` one of
  the other four, and then with probability noise / 4 any class, by the Zipf law.

Over the range of sharpness and noise in SETTINGS, the paper's own encodings take about as many
bytes as the paper prints for its ten tasks (its Tables 12-15).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from .scored_pool import ScoredPool

EFFECT_SHARED = 0.7
NEIGHBOUR_CORRELATION = 0.9
TASK_SYNSETS = 300
TASK_SHAPE, TASK_SCALE = 2.0, 1.2
ZIPF_EXPONENT = 0.8
OTHER_CLASSES = 4


@dataclass(frozen=True)
class Setting:
    """A simulated task.

    Attributes:
        classes: C.
        sharpness: how much the synset, rather than chance, decides which images are kept.
        noise: share of labels that are not their synset's preferred class, roughly.
    """

    classes: int
    sharpness: float
    noise: float

    def __str__(self) -> str:
        return f"{self.classes} classes, sharpness {self.sharpness:g}, noise {self.noise:g}"


SETTINGS = (
    Setting(10, 1, 0.4),
    Setting(10, 3, 0.1),
    Setting(102, 2, 0.4),
    Setting(102, 5, 0.1),
    Setting(200, 3, 0.4),
)


def images_per_synset() -> npt.NDArray[np.int64]:
    """Return the number of images in each synset of ImageNet-21k, in id order, shape (21841,)."""
    table = resources.files(__package__) / "facts" / "imagenet21k-synset-counts.csv"
    with table.open() as file:
        return np.array([int(row["images"]) for row in csv.DictReader(file)])


def simulate(
    setting: Setting, *, seed: int = 0, images: npt.NDArray[np.int64] | None = None
) -> ScoredPool:
    """Return the scores of a simulated pool in synset order; the same arguments, the same scores.

    Args:
        setting: the task.
        seed: of everything that is drawn.
        images: images per synset, shape (S,), S at least 300; ImageNet-21k's when None.
    """
    counts = images_per_synset() if images is None else images
    synsets, size = len(counts), int(counts.sum())
    draw = np.random.default_rng(
        [seed, setting.classes, int(setting.sharpness * 1000), int(setting.noise * 1000)]
    )
    effect = EFFECT_SHARED * _autoregressive(draw.standard_normal(synsets))
    effect += np.sqrt(1 - EFFECT_SHARED**2) * draw.standard_normal(synsets)
    task = draw.choice(synsets, TASK_SYNSETS, replace=False)
    effect[task] += draw.gamma(TASK_SHAPE, TASK_SCALE, TASK_SYNSETS)
    synset = np.repeat(np.arange(synsets), counts)
    score = setting.sharpness * effect[synset] + draw.gumbel(size=size)

    frequency = np.arange(1, setting.classes + 1) ** -ZIPF_EXPONENT
    frequency /= frequency.sum()
    preferred = draw.choice(setting.classes, synsets, p=frequency)
    others = draw.choice(setting.classes, (synsets, OTHER_CLASSES), p=frequency)
    labels = preferred[synset]
    odd = draw.random(size) < setting.noise
    labels[odd] = others[synset[odd], draw.integers(0, OTHER_CLASSES, int(odd.sum()))]
    lost = draw.random(size) < setting.noise / 4
    labels[lost] = draw.choice(setting.classes, int(lost.sum()), p=frequency)
    return ScoredPool(str(setting), labels.astype(np.uint16), -score, setting.classes)


def _autoregressive(noise: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return white noise made into a series: unit variance, neighbours correlated by 0.9."""
    innovation = np.sqrt(1 - NEIGHBOUR_CORRELATION**2)
    series = np.empty_like(noise)
    series[0] = noise[0]
    for i in range(1, len(noise)):
        series[i] = NEIGHBOUR_CORRELATION * series[i - 1] + innovation * noise[i]
    return series
