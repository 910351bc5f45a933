"""Real images that are at hand everywhere: pieces of the photographs that scikit-learn ships."""

from __future__ import annotations

from importlib import resources

import numpy as np

from ..images import ImageArrays, decode

SIDE = 80
"""Height and width of a piece, in pixels."""


def photographs() -> ImageArrays:
    """80 pieces of two photographs, a temple and a flower."""
    pieces = []
    for name in ("china.jpg", "flower.jpg"):
        data = resources.files("sklearn.datasets").joinpath("images", name).read_bytes()
        pixels = np.asarray(decode(data))
        for top in range(0, pixels.shape[0] - SIDE + 1, SIDE):
            for left in range(0, pixels.shape[1] - SIDE + 1, SIDE):
                pieces.append(pixels[top : top + SIDE, left : left + SIDE])
    return ImageArrays(pieces)
