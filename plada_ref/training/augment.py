"""Random changes to training images that leave their class alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from ..compute.copies import sent
from ..errors import Misuse


@dataclass(frozen=True)
class Augmentation:
    """Ranges of a random affine change, drawn anew for every image and epoch.

    Attributes:
        flip: mirror every second image, left and right.
        shift: largest shift, as a part of the image's side.
        rotate: largest rotation, in degrees.
        scale: largest change of size, as a part of it.
    """

    flip: bool = False
    shift: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0

    def __call__(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Changed copies of the images.

        Args:
            pixels: uint8 of shape (B, C, H, W).
            generator: a CPU generator; the only source of chance.

        Returns:
            float32 in 0..255, of the same shape.
        """
        x = pixels.float()
        if self == Augmentation():
            return x
        count = len(x)

        def draw(most: float) -> torch.Tensor:
            return (torch.rand(count, generator=generator) * 2 - 1) * most

        angle = draw(math.radians(self.rotate))
        size = 1 + draw(self.scale)
        # The grid runs from -1 to 1, so a shift by a part of the side counts twice.
        across, down = draw(2 * self.shift), draw(2 * self.shift)
        mirror = torch.ones(count)
        if self.flip:
            mirror -= 2 * torch.randint(0, 2, (count,), generator=generator)
        rows = [
            torch.stack([size * angle.cos() * mirror, -size * angle.sin(), across], dim=1),
            torch.stack([size * angle.sin() * mirror, size * angle.cos(), down], dim=1),
        ]
        matrix = sent(torch.stack(rows, dim=1), x.device)
        grid = functional.affine_grid(matrix, list(x.shape), align_corners=False)
        return functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


AUGMENTATIONS: dict[str, Augmentation] = {
    "off": Augmentation(),
    "flip": Augmentation(flip=True),
    "light": Augmentation(flip=True, shift=0.125),
    # Characters: a mirrored one is another character.
    "glyph": Augmentation(shift=0.05, rotate=10, scale=0.1),
}
"""By the names of ``--augment``."""


def augmentation(name: str) -> Augmentation:
    """The augmentation called `name`.

    Raises:
        Misuse: if there is none.
    """
    try:
        return AUGMENTATIONS[name]
    except KeyError:
        raise Misuse(
            f"There is no augmentation {name!r}; choose one of {', '.join(AUGMENTATIONS)}."
        ) from None
