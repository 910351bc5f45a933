"""Models from timm, and what a pipeline has to know about one."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..compute.copies import lent
from ..errors import Misuse, PipelineError
from .convnets import NETS, ConvNet
from .hub import fetched
from .limits import check_img_size
from .preparation import Preparation
from .weights import State, file_digest, read_weights, whole


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
        random_backbone: allow that a backbone is frozen whose weights are drawn at random.
    """

    model: str
    weights: Path | None = None
    pretrained: bool = False
    img_size: int | None = None
    via_size: int | None = None
    grey: bool = False
    random_backbone: bool = field(default=False, compare=False)

    @property
    def is_random(self) -> bool:
        """Whether the weights that the model starts from are drawn at random."""
        return self.weights is None and not self.pretrained

    def check_frozen(self, by: str) -> None:
        """Check that the backbone has learned something, before it is used as it is.

        Args:
            by: what does not train it, for the error, such as ``"--tune head"``.

        Raises:
            Misuse: if its weights are random, and nobody asked for that, or timm does not know it.
        """
        if self.is_random and not self.random_backbone:
            _config(self.model)  # A mistyped name is the first thing to know.
            instead = " or train everything with --tune all," if by.startswith("--tune") else ""
            raise Misuse(
                f"{by} takes the backbone of {self.model!r} as it is, and its weights are random: "
                "little can be learned from what it sees. Give it --weights or --pretrained,"
                f"{instead} or insist with --random-backbone."
            )

    def preparation(self) -> Preparation:
        """The image preparation that the model's configuration and this spec ask for.

        Raises:
            Misuse: if timm does not know the model, or its input is too large.
        """
        config = _config(self.model)
        channels, height, _ = config.input_size
        img_size = height if self.img_size is None else self.img_size
        try:
            check_img_size(img_size)
        except Misuse as exc:
            raise Misuse(f"--img-size: {exc}.") from None
        return Preparation(
            img_size=img_size,
            via_size=self.via_size,
            mean=tuple(float(value) for value in config.mean)[:channels],
            std=tuple(float(value) for value in config.std)[:channels],
            grey=self.grey,
        )

    def weights_digest(self) -> str | None:
        """SHA-256 of the weights file, in hex; None without one.

        Raises:
            PipelineError: if it cannot be read.
        """
        return None if self.weights is None else file_digest(self.weights)


def build(
    spec: ModelSpec, classes: int, *, seed: int, say: Callable[[str], None] = lambda text: None
) -> nn.Module:
    """The model with a new classifier of `classes` outputs.

    Args:
        seed: of the weights that are drawn, not read.
        say: hears what was recognised, converted and left over in the weights file.

    Raises:
        Misuse: if timm does not know the model, or the model cannot take this image size.
        PipelineError: if the weights cannot be read, fetched, or are another model's.
    """
    try:
        if spec.weights is None:
            with fetched(spec.model) if spec.pretrained else nullcontext():
                return _create(spec.model, classes, spec.img_size, seed, spec.pretrained, None)
        sketch = outline(spec.model, classes, spec.img_size)
        names = {name for name, _ in backbone_state(sketch)}
        stored = read_weights(spec.weights, names, say)
        with whole(spec.model, spec.weights, say):
            return _create(spec.model, classes, spec.img_size, seed, True, stored)
    except PipelineError:
        raise
    except Exception as exc:  # timm, torch, safetensors and the network raise all kinds.
        if spec.weights is None and not spec.pretrained:
            raise _cannot_take(spec.model, spec.img_size, exc) from exc
        origin = f"in {str(spec.weights)!r}" if spec.weights else "that timm offers"
        raise PipelineError(
            f"The weights {origin} cannot be loaded into {spec.model!r} ({_reason(exc)}); give "
            "weights of this model with --weights."
        ) from exc


def check_input(
    network: nn.Module, model: str, preparation: Preparation, device: torch.device
) -> None:
    """See that a model can take images of its preparation's size: some are too small for it.

    Args:
        network: in evaluation mode afterwards.
        model: its name.

    Raises:
        Misuse: if it cannot.
    """
    size = preparation.img_size
    blank = torch.zeros(1, preparation.channels, size, size, device=device)
    try:
        with lent(network, device) as there, torch.inference_mode():
            there(blank.contiguous(memory_format=torch.channels_last))
    except Exception as exc:  # Networks raise all kinds.
        raise _cannot_take(model, size, exc) from exc


def places(network: nn.Module, preparation: Preparation) -> int | None:
    """How many places of an image the features are of, before they are pooled; None if unknown.

    Of one, the whole image is a single spot to the model, as 28 pixels are to one that halves
    them five times.

    Args:
        network: in evaluation mode; it may be an `outline`.
    """
    size = preparation.img_size
    model: Any = network
    try:
        with torch.inference_mode(), next(model.parameters()).device:
            found = model.forward_features(torch.zeros(1, preparation.channels, size, size))
        return int(found.numel() // model.num_features)
    except Exception:  # Networks raise all kinds, and some have no such parts.
        return None


def outline(model: str, classes: int, img_size: int | None) -> nn.Module:
    """The model without its numbers: names, shapes and types of its tensors, at next to no memory.

    Raises:
        Misuse: if timm does not know the model.
    """
    try:
        with torch.device("meta"), _RealNumbers():
            return _create(model, classes, img_size, 0, False, None)
    except PipelineError:
        raise
    except Exception:
        # A model that computes with tensors while it is made.
        return _create(model, classes, img_size, 0, False, None)


def rebuild(model: str, classes: int, img_size: int) -> nn.Module:
    """An untrained model to load a stored state into; uses no network.

    Raises:
        Misuse: if timm does not know the model.
    """
    return _create(model, classes, img_size, 0, False, None)


class _RealNumbers(TorchFunctionMode):
    """Keeps the tensors real whose numbers versions of timm take out while a model is made."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.linspace:
            kwargs.setdefault("device", "cpu")
        return func(*args, **kwargs)


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
    for name, value in backbone_state(network):
        array = value.detach().cpu().contiguous()
        state.update(f"{name} {array.dtype} {tuple(array.shape)}\0".encode())
        state.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


def backbone_state(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the name and value of each tensor before the classifier, by name."""
    head = classifier(network)
    names = [name for name, module in network.named_modules() if module is head and head]
    for name, value in sorted(network.state_dict().items()):
        if not any(name.startswith(f"{prefix}.") for prefix in names):
            yield name, value


def _config(model: str) -> Any:
    if model in NETS:
        return NETS[model].config
    from .registry import timm

    # A name such as "hf-hub:..." would make timm fetch and trust somebody's configuration.
    if not timm.is_model(model):
        known = [*timm.list_models(), *NETS]
        near = difflib.get_close_matches(model.partition(".")[0][:100], known, 3)
        hint = f"; similar names: {', '.join(near)}" if near else ""
        raise Misuse(f"timm {timm.__version__} knows no model {model!r}{hint}.")
    try:
        return timm.get_pretrained_cfg(model) or timm.models.PretrainedCfg()
    except RuntimeError:
        name, _, tag = model.partition(".")
        known = sorted(full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*"))
        there = f"there are {', '.join(known[:5])}" if known else "there are none"
        raise Misuse(
            f"timm {timm.__version__} knows no weights {tag!r} of the model {name!r}; {there}. "
            f"Leave .{tag} out to use weights of your own."
        ) from None


def _create(
    model: str,
    classes: int,
    img_size: int | None,
    seed: int,
    pretrained: bool,
    weights: State | None,
) -> nn.Module:
    config = _config(model)
    arguments: dict[str, Any] = {}
    if getattr(config, "fixed_input_size", False) and img_size is not None:
        arguments["img_size"] = img_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Any
        if model in NETS and not pretrained:
            network = ConvNet(num_classes=classes, **NETS[model].arguments())
        else:
            from .registry import timm

            network = timm.create_model(
                model,
                pretrained=pretrained,
                pretrained_cfg_overlay=None if weights is None else {"state_dict": weights},
                num_classes=classes,
                **arguments,
            )
    # timm keeps the tensors with the model; they have done their work.
    for config in (getattr(network, "pretrained_cfg", None), getattr(network, "default_cfg", None)):
        if isinstance(config, dict):
            config.pop("state_dict", None)
    if not any(tensor.dim() == 5 for tensor in network.state_dict().values()):
        network.to(memory_format=torch.channels_last)  # Not for tensors of five dimensions.
    found: nn.Module = network
    return found


def _cannot_take(model: str, img_size: int | None, exc: Exception) -> Misuse:
    size = "its own size" if img_size is None else f"{img_size} pixels"
    return Misuse(
        f"The model {model!r} cannot take images of {size} ({_reason(exc)}); choose another "
        "--img-size."
    )


def _reason(exc: Exception) -> str:
    said = (str(exc).strip().splitlines() or [""])[0][:200]
    # A KeyError says nothing but the key.
    plain = said and isinstance(exc, RuntimeError | ValueError | AssertionError)
    return said if plain else f"{type(exc).__name__} {said}".strip()
