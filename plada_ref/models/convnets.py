"""Two plain convolutional nets for small grey images, without timm: its import is slow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


class ConvNet(nn.Module):
    """3x3 convolutions with batch norm; each stage but the last halves the image.

    Args:
        widths: channels of each stage; two convolutions per stage.
        num_classes: outputs.
        in_chans: input channels.
        drop_rate: dropout before the classifier.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        num_classes: int = 10,
        in_chans: int = 1,
        drop_rate: float = 0.1,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = in_chans
        for stage, width in enumerate(widths):
            for _ in range(2):
                layers += [nn.Conv2d(before, width, 3, padding=1, bias=False)]
                layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                before = width
            if stage < len(widths) - 1:
                layers.append(nn.MaxPool2d(2))
        self.num_features = before
        self.num_classes = num_classes
        self.stages = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(drop_rate)
        self.head = nn.Linear(before, num_classes)

    def get_classifier(self) -> nn.Linear:
        """The last layer, as timm's models give it."""
        return self.head

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Feature maps of the last stage, shape (B, num_features, h, w)."""
        result: torch.Tensor = self.stages(x)
        return result

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Logits of shape (B, num_classes), or with `pre_logits` what the classifier sees."""
        x = self.drop(self.pool(x).flatten(1))
        return x if pre_logits else self.head(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of shape (B, num_classes)."""
        return self.forward_head(self.forward_features(x))


@dataclass(frozen=True)
class Config:
    """What timm's configuration of a model says, as far as we ask: of both nets alike."""

    input_size: tuple[int, int, int] = (1, 16, 16)
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)


CONFIG = Config()

WIDTHS = {
    "plada_convnet_s": (16, 32, 64),
    "plada_convnet_m": (32, 64, 128),
}
"""Widths of each net by its name: about 70,000 weights, a student for 16 px characters; and about
290,000, a teacher for them."""
