"""A trained model for other programs: a `torch.nn.Module` that knows its input and its classes."""

from __future__ import annotations

import os

import torch
from torch import nn

from ..storage.fetched import local
from .checkpoint import Checkpoint
from .preparation import Preparation


class Classifier(nn.Module):
    """A teacher or student as a plain module, in evaluation mode.

    ::

        pixels = torch.stack([model.preparation(image) for image in images])
        logits = model(model.preparation.batch(pixels))

    Attributes:
        network: the trained network, a model of timm.
        preparation: how its input is made of PIL images.
        classes: class names in the order of the logits; ``0`` to ``C-1`` if they are unnamed.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = checkpoint.network
        self.preparation: Preparation = checkpoint.preparation
        self.classes = list(checkpoint.class_names)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of shape (B, C).

        Args:
            x: what `Preparation.batch` gives, float32 of shape (B, channels, img_size, img_size).
        """
        logits: torch.Tensor = self.network(x)
        return logits


def load_model(path: str | os.PathLike[str]) -> Classifier:
    """Read a teacher or student, as ``plada teach``, ``plada train`` or `Checkpoint.write` left it.

    An address, such as ``https://example.org/student.safetensors``, is fetched. Nothing that is
    stored in the file is run.

    Raises:
        PipelineError: if the file is not there, is damaged or is not such a model.
    """
    return Classifier(Checkpoint.read(local(os.fspath(path))))
