"""The whole way from stored pixels to logits as one module, and what is said about it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pladafmt import __version__

from ..models.checkpoint import Checkpoint

LAYOUT = 1
INPUT, OUTPUT = "pixels", "logits"


class PixelsToLogits(nn.Module):
    """A model with the second half of its preparation: resampling in it, and normalisation."""

    def __init__(self, model: Checkpoint) -> None:
        super().__init__()
        self.network = model.network
        self._preparation = model.preparation
        self.eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits of shape (B, C), float32.

        Args:
            pixels: what `Preparation.__call__` makes of images: uint8 of shape
                (B, channels, stored_size, stored_size).
        """
        logits: torch.Tensor = self.network(self._preparation.expression(pixels))
        return logits


def example(model: Checkpoint) -> torch.Tensor:
    """Two black images, as the input of `PixelsToLogits`."""
    preparation = model.preparation
    size = preparation.stored_size
    return torch.zeros(2, preparation.channels, size, size, dtype=torch.uint8)


def describe(model: Checkpoint) -> dict[str, Any]:
    """A JSON object for whoever runs an exported file: classes, and how its input is made.

    docs/students.md explains each member.
    """
    preparation = model.preparation
    size = preparation.stored_size
    return {
        "layout": LAYOUT,
        "classes": list(model.class_names),
        "input": {
            "name": INPUT,
            "dtype": "uint8",
            "shape": ["batch", preparation.channels, size, size],
            "channels": "RGB" if preparation.channels == 3 else "L",
            "grey": preparation.grey or preparation.channels == 1,
            "crop": "central square",
            "resampling": "bicubic, antialiased",
        },
        "inside": {
            "img_size": preparation.img_size,
            "resampling": "bicubic, antialiased",
            "mean": list(preparation.mean),
            "std": list(preparation.std),
        },
        "output": {"name": OUTPUT, "dtype": "float32", "shape": ["batch", model.class_count]},
        "model": model.model,
        "student_sha256": model.sha256,
        "plada": __version__,
    }
