"""Whether an exported model says what the original says, on real images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from ..errors import PipelineError
from .formats import Run

TIE = 1e-4
"""Two logits that are no further apart are the same: which is larger is a matter of rounding."""

MOST_PROBABILITY = 1e-3
"""A larger difference of a probability is no rounding."""


@dataclass(frozen=True)
class Agreement:
    """How two models that should be one differ.

    Attributes:
        images: how many they were compared on.
        ties: images of which they name different classes, whose two largest logits are `TIE` apart
            or less.
        others: further images of which they name different classes.
        logit: the largest difference of a logit.
        probability: the largest difference of a probability.
    """

    images: int
    ties: int
    others: int
    logit: float
    probability: float

    def insist(self, what: str) -> None:
        """Refuse models that differ.

        Args:
            what: names the exported model, for the message.

        Raises:
            PipelineError: if they name different classes of an image that is no tie, or a
                probability differs by more than `MOST_PROBABILITY`.
        """
        # A comparison that NaN fails as well.
        if self.others or not self.probability <= MOST_PROBABILITY:
            raise PipelineError(
                f"{what} is not what the model computes: of {self.images:,} images {self.others:,} "
                f"get another class, and probabilities differ by up to {self.probability:.2g}. "
                "Nothing is written; try the other format, or another version of torch."
            )


def compare(original: Run, exported: Run, batches: Iterable[torch.Tensor]) -> Agreement:
    """Run two models on the same pixels.

    Args:
        batches: uint8 pixels, as both models take them.
    """
    images = ties = others = 0
    logit = probability = 0.0
    for pixels in batches:
        with torch.inference_mode():
            one, other = original(pixels).double(), exported(pixels).double()
        best = one.topk(min(2, one.shape[1]), dim=1).values
        is_tie = (best[:, 0] - best[:, -1]) <= TIE
        differs = one.argmax(dim=1) != other.argmax(dim=1)
        images += len(pixels)
        ties += int((differs & is_tie).sum())
        others += int((differs & ~is_tie).sum())
        logit = _larger(logit, one - other)
        probability = _larger(probability, one.softmax(dim=1) - other.softmax(dim=1))
    return Agreement(images, ties, others, logit, probability)


def _larger(so_far: float, difference: torch.Tensor) -> float:
    """The largest of all differences; NaN as soon as there is one."""
    return float(torch.cat([torch.tensor([so_far]), difference.abs().flatten()]).max())
