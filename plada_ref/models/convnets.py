"""Two plain convolutional nets for small grey images, known to timm by their names."""

from __future__ import annotations

from typing import Any

import torch
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import nn

__all__: list[str] = ["ConvNet"]  # register_model appends the names of the factories.


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


_CONFIG = {
    "input_size": (1, 16, 16),
    "mean": (0.5,),
    "std": (0.5,),
    "first_conv": "stages.0",
    "classifier": "head",
}
default_cfgs = generate_default_cfgs(
    {"plada_convnet_s": dict(_CONFIG), "plada_convnet_m": dict(_CONFIG)}
)


def _create(name: str, widths: tuple[int, ...], pretrained: bool, options: Any) -> Any:
    return build_model_with_cfg(ConvNet, name, pretrained, widths=widths, **options)


@register_model
def plada_convnet_s(pretrained: bool = False, **options: Any) -> Any:
    """About 70,000 weights: a student for 16 px characters."""
    return _create("plada_convnet_s", (16, 32, 64), pretrained, options)


@register_model
def plada_convnet_m(pretrained: bool = False, **options: Any) -> Any:
    """About 290,000 weights: a teacher for 16 px characters."""
    return _create("plada_convnet_m", (32, 64, 128), pretrained, options)
