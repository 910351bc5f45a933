"""timm with our own small nets among its models. Importing it takes seconds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import timm as timm
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

from .convnets import NETS, ConvNet

__all__ = ["timm"]  # register_model appends the names of the nets.

default_cfgs = generate_default_cfgs(
    {
        name: {**asdict(net.config), "first_conv": "stages.0", "classifier": "head"}
        for name, net in NETS.items()
    }
)


def _create(name: str, pretrained: bool, options: Any) -> Any:
    arguments = NETS[name].arguments() | options
    return build_model_with_cfg(ConvNet, name, pretrained, **arguments)


@register_model
def plada_convnet_s(pretrained: bool = False, **options: Any) -> Any:
    """The smaller one for grey images."""
    return _create("plada_convnet_s", pretrained, options)


@register_model
def plada_convnet_m(pretrained: bool = False, **options: Any) -> Any:
    """The larger one for grey images."""
    return _create("plada_convnet_m", pretrained, options)


@register_model
def plada_convnet_c(pretrained: bool = False, **options: Any) -> Any:
    """The one for colour images."""
    return _create("plada_convnet_c", pretrained, options)
