"""Plain convolutional nets for small images, without timm: its import is slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


class ConvNet(nn.Module):
    """3x3 convolutions with batch norm; each stage but the last halves the image.

    Args:
        widths: channels of each stage.
        num_classes: outputs.
        in_chans: input channels.
        drop_rate: dropout before the classifier.
        convs: convolutions per stage.
        strided: the first convolution halves the image, in place of its stage's pooling.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        num_classes: int = 10,
        in_chans: int = 1,
        drop_rate: float = 0.1,
        convs: int = 2,
        strided: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = in_chans
        for stage, width in enumerate(widths):
            for _ in range(convs):
                stride = 2 if strided and not layers else 1
                layers += [nn.Conv2d(before, width, 3, stride, padding=1, bias=False)]
                layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                before = width
            if stage < len(widths) - 1 and not (strided and stage == 0):
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
    """What timm's configuration of a model says, as far as we ask."""

    input_size: tuple[int, int, int] = (1, 16, 16)
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)


@dataclass(frozen=True)
class Net:
    """One of the nets: the arguments of its `ConvNet`, and its configuration."""

    widths: tuple[int, ...]
    config: Config = Config()
    convs: int = 2
    strided: bool = False

    def arguments(self) -> dict[str, Any]:
        """What `ConvNet` is called with, but for the number of classes."""
        return {
            "widths": self.widths,
            "in_chans": self.config.input_size[0],
            "convs": self.convs,
            "strided": self.strided,
        }


COLOUR = "plada_convnet_c"
"""The net for small colour images."""

NETS = {
    "plada_convnet_s": Net((16, 32, 64)),
    "plada_convnet_m": Net((32, 64, 128)),
    COLOUR: Net(
        (32, 64, 128, 256),
        Config((3, 32, 32), mean=(0.5,) * 3, std=(0.25,) * 3),
        convs=1,
        strided=True,
    ),
}
"""By name: about 70,000 weights, a student for 16 px characters; about 290,000, a teacher for them;
and about 390,000, a student that learns 32 px photographs from scratch in a minute on a CPU."""
