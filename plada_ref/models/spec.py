"""Models from timm, and what a pipeline has to know about one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from ..errors import Misuse, PipelineError
from . import convnets as convnets  # Registers our small nets with timm.
from .preparation import Preparation


@dataclass(frozen=True)
class ModelSpec:
    """Which model to train, and from which weights.

    Attributes:
        model: a name that timm knows, such as ``"resnet18"``.
        weights: file with pre-trained weights of this model (safetensors, or what timm reads).
        pretrained: let timm fetch its default weights when `weights` is None.
        img_size: input height and width in pixels; the model's own when None.
        via_size: see `Preparation`.
        grey: see `Preparation`.
    """

    model: str
    weights: Path | None = None
    pretrained: bool = False
    img_size: int | None = None
    via_size: int | None = None
    grey: bool = False

    def preparation(self) -> Preparation:
        """The image preparation that the model's configuration and this spec ask for.

        Raises:
            Misuse: if timm does not know the model.
        """
        config = _config(self.model)
        channels, height, _ = config.input_size
        return Preparation(
            img_size=self.img_size or height,
            via_size=self.via_size,
            mean=tuple(float(value) for value in config.mean)[:channels],
            std=tuple(float(value) for value in config.std)[:channels],
            grey=self.grey,
        )


def build(spec: ModelSpec, classes: int, *, seed: int) -> nn.Module:
    """The model with a new classifier of `classes` outputs.

    Args:
        seed: of the weights that are drawn, not read.

    Raises:
        Misuse: if timm does not know the model.
        PipelineError: if the weights cannot be read, fetched, or are another model's.
    """
    pretrained = spec.weights is not None or spec.pretrained
    overlay = None if spec.weights is None else {"file": str(spec.weights)}
    if spec.weights is not None and not spec.weights.is_file():
        raise PipelineError(f"There is no weights file {str(spec.weights)!r}.")
    try:
        return _create(spec.model, classes, spec.img_size, seed, pretrained, overlay)
    except Misuse:
        raise
    except Exception as exc:  # timm, torch, safetensors and the network raise all kinds.
        if not pretrained:
            raise
        origin = f"in {str(spec.weights)!r}" if spec.weights else "that timm offers"
        reason = str(exc).strip().splitlines() or [type(exc).__name__]
        raise PipelineError(
            f"The weights {origin} cannot be loaded into {spec.model!r} ({reason[0]}); give "
            "weights of this model with --weights."
        ) from exc


def rebuild(model: str, classes: int, img_size: int) -> nn.Module:
    """An untrained model to load a stored state into; uses no network.

    Raises:
        Misuse: if timm does not know the model.
    """
    return _create(model, classes, img_size, 0, False, None)


def classifier(network: nn.Module) -> nn.Linear | None:
    """The linear layer from features to logits, or None when the model has no such end."""
    get: Any = getattr(network, "get_classifier", None)
    found = get() if callable(get) else None
    return found if isinstance(found, nn.Linear) else None


def features(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the classifier sees: float32 of shape (B, D)."""
    model: Any = network
    result: torch.Tensor = model.forward_head(model.forward_features(x), pre_logits=True)
    return result


def backbone_digest(network: nn.Module) -> str:
    """SHA-256 (hex) of all weights and statistics before the classifier.

    Two models with the same digest and the same image preparation have the same features.
    """
    state = hashlib.sha256()
    for name, value in _backbone_state(network):
        array = value.detach().cpu().contiguous()
        state.update(f"{name} {array.dtype} {tuple(array.shape)}\0".encode())
        state.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


def _backbone_state(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    head = classifier(network)
    names = [name for name, module in network.named_modules() if module is head and head]
    for name, value in sorted(network.state_dict().items()):
        if not any(name.startswith(f"{prefix}.") for prefix in names):
            yield name, value


def _config(model: str) -> Any:
    # A name such as "hf-hub:..." would make timm fetch and trust somebody's configuration.
    if not timm.is_model(model):
        near = ", ".join(timm.list_models(f"*{model[:12]}*")[:3]) if model.isprintable() else ""
        hint = f"; similar names: {near}" if near else ""
        raise Misuse(f"timm {timm.__version__} knows no model {model!r}{hint}.")
    return timm.get_pretrained_cfg(model) or timm.models.PretrainedCfg()


def _create(
    model: str,
    classes: int,
    img_size: int | None,
    seed: int,
    pretrained: bool,
    overlay: dict[str, str] | None,
) -> nn.Module:
    config = _config(model)
    arguments: dict[str, Any] = {}
    if getattr(config, "fixed_input_size", False) and img_size is not None:
        arguments["img_size"] = img_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Any = timm.create_model(
            model,
            pretrained=pretrained,
            pretrained_cfg_overlay=overlay,
            num_classes=classes,
            **arguments,
        )
    found: nn.Module = network.to(memory_format=torch.channels_last)
    return found
