"""The training loop of teachers and students."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from pladafmt.files import replacing

from .augment import augmentation
from .errors import PipelineError
from .labelled import LabelledImages
from .loading import in_order, loaded
from .models import classifier
from .output import Output
from .preparation import Preparation
from .recipe import Recipe, Tune

HELD_BYTES = 1 << 30
"""Training images are kept decoded in memory up to this size."""

_WARMUP = 0.05
_SLOWER = 0.1

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Pixels uint8 (B, C, H, W), labels int64 (B,), weights float64 (B,)."""


def fit(
    network: nn.Module,
    data: LabelledImages,
    preparation: Preparation,
    recipe: Recipe,
    *,
    device: torch.device,
    workers: int | None,
    output: Output,
    resume: Path | None = None,
) -> None:
    """Train `network` in place; it is in evaluation mode afterwards.

    The same arguments give the same weights on one machine, interrupted or not.

    Args:
        data: with `preparation` as its transform.
        resume: file that keeps the state after each epoch, so that a repeated call goes on there;
            removed at the end.

    Raises:
        PipelineError: if the loss is not a finite number.
    """
    network.to(device)
    optimiser = torch.optim.AdamW(_groups(network, recipe), lr=recipe.lr)
    per_epoch = math.ceil(len(data) / recipe.batch_size)
    total = recipe.steps or max(recipe.epochs * per_epoch, recipe.min_steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _cosine(total))
    change = augmentation(recipe.augment)
    state = _State(resume, network, optimiser, schedule, _binding(data, preparation, recipe))
    epoch = state.load()
    source = _Source(data, preparation, workers)
    with output.progress("Training", total) as advance:
        step = epoch * per_epoch
        advance(step)
        while step < total:
            _training_mode(network, recipe)
            # Chance depends on seed and epoch alone, so a resumed run draws the same.
            generator = torch.Generator().manual_seed(_seed(recipe.seed, epoch))
            order = torch.randperm(len(data), generator=generator).tolist()
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                torch.manual_seed(_seed(recipe.seed, epoch))
                batches = in_order(len(order), recipe.batch_size)[: total - step]
                for pixels, labels, weights in source.batches(
                    [[order[i] for i in batch] for batch in batches]
                ):
                    # Batch norm in training mode cannot take a single value per channel.
                    if len(labels) > 1 or recipe.freeze_bn or len(order) == 1:
                        x = preparation.batch(change(pixels, generator).to(device))
                        loss = _loss(network(x), labels.to(device), weights.to(device), recipe)
                        if not math.isfinite(loss.item()):
                            raise PipelineError(
                                f"The loss is {loss.item()} after {step} steps; take a smaller "
                                "--lr."
                            )
                        optimiser.zero_grad(set_to_none=True)
                        loss.backward()  # type: ignore[no-untyped-call]
                        optimiser.step()
                    schedule.step()
                    step += 1
                    advance(1)
            epoch += 1
            state.save(epoch)
    state.forget()
    network.eval()


def _loss(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, recipe: Recipe
) -> torch.Tensor:
    losses = functional.cross_entropy(
        logits, labels, reduction="none", label_smoothing=recipe.label_smoothing
    )
    weights = weights.to(losses.dtype)
    return (losses * weights).sum() / weights.sum()


def _groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters by learning rate; biases and norms get no weight decay."""
    head = classifier(network)
    own = set() if head is None else {id(parameter) for parameter in head.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        slow = recipe.tune is Tune.SLOW and id(parameter) not in own
        groups.setdefault((slow, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": recipe.lr * (_SLOWER if slow else 1.0),
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (slow, decays), parameters in groups.items()
    ]


def _cosine(total: int) -> Any:
    warmup = max(1, int(total * _WARMUP))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    return factor


def _training_mode(network: nn.Module, recipe: Recipe) -> None:
    network.train()
    if recipe.freeze_bn:
        for module in network.modules():
            # Every batch norm of torch and timm derives from this class.
            if isinstance(module, nn.modules.batchnorm._NormBase):
                module.eval()


def _seed(seed: int, epoch: int) -> int:
    digest = hashlib.sha256(f"plada-fit {seed} {epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


class _Source:
    """Batches of decoded images: all held in memory when they fit, else decoded every time."""

    def __init__(self, data: LabelledImages, preparation: Preparation, workers: int | None) -> None:
        self._data = data
        self._workers = workers
        size = len(data) * preparation.channels * preparation.stored_size**2
        self._held: Batch | None = None
        if size <= HELD_BYTES:
            parts = list(loaded(data, in_order(len(data), 256), workers=workers))
            pixels, labels, weights = (torch.cat(column) for column in zip(*parts, strict=True))
            self._held = pixels, labels, weights

    def batches(self, batches: list[list[int]]) -> Iterator[Batch]:
        """The items of each batch, stacked."""
        if self._held is None:
            yield from loaded(self._data, batches, workers=self._workers)
            return
        for batch in batches:
            pixels, labels, weights = (column[batch] for column in self._held)
            yield pixels, labels, weights


def _binding(data: LabelledImages, preparation: Preparation, recipe: Recipe) -> str:
    """What a stored state belongs to: the same images, labels and settings."""
    state = hashlib.sha256(json.dumps([repr(preparation), recipe.to_json()]).encode())
    for column in (data.rows, data.labels, data.weights):
        state.update(column.tobytes())
    return state.hexdigest()


class _State:
    """The state of a run after its last whole epoch, in a file."""

    def __init__(
        self,
        path: Path | None,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        binding: str,
    ) -> None:
        self._path = path
        self._parts: dict[str, Any] = {
            "network": network,
            "optimiser": optimiser,
            "schedule": schedule,
        }
        start = hashlib.sha256(binding.encode())
        for name, value in sorted(network.state_dict().items()):
            start.update(name.encode() + value.detach().cpu().numpy().tobytes())
        self._binding = start.hexdigest()

    def load(self) -> int:
        """Take up a stored state; returns the number of epochs done."""
        if self._path is None or not self._path.exists():
            return 0
        try:
            stored = torch.load(self._path, weights_only=True)
            if stored["binding"] != self._binding:
                return 0
            for name, part in self._parts.items():
                part.load_state_dict(stored[name])
            return int(stored["epoch"])
        except Exception:  # Damaged or foreign: torch raises all kinds; start anew.
            return 0

    def save(self, epoch: int) -> None:
        if self._path is None:
            return
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._parts.items()}
        with replacing(self._path) as temporary:
            torch.save(state | {"epoch": epoch, "binding": self._binding}, temporary)

    def forget(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
