"""The training loop of teachers and students."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..compute.batches import in_order, loaded
from ..compute.context import Compute
from ..compute.copies import sent
from ..compute.precision import autocast
from ..compute.torchrun import ranks
from ..errors import Misuse, PipelineError
from ..models.preparation import Preparation
from ..models.spec import classifier
from ..pool.fetch_ahead import fetch_ahead
from .augment import augmentation
from .dataset import LabelledImages
from .recipe import Recipe, Tune
from .resume import TrainingState

HELD_BYTES = 1 << 30
"""Training images are kept decoded in memory up to this size."""

_WARMUP = 0.05
_SLOWER = 0.1

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Pixels uint8 (B, C, H, W), labels int64 (B,) or float32 (B, classes), weights float64 (B,)."""

_BETWEEN_LOOKS = 50
"""Steps between two looks at the loss on a GPU, which each wait for it."""


def optimise(
    network: nn.Module,
    data: LabelledImages,
    preparation: Preparation,
    recipe: Recipe,
    *,
    compute: Compute,
    resume: Path | None = None,
    identity: Callable[[], str] = lambda: "",
) -> None:
    """Train `network` in place; it is in evaluation mode afterwards.

    The same arguments give the same weights on one machine, interrupted or not. Where `compute`
    says so, forward passes are in bfloat16; weights and optimiser stay float32.

    Several processes (`plada_ref.compute.torchrun`) call this together and end with the same
    weights.

    Args:
        data: with `preparation` as its transform.
        resume: file that keeps the state after each epoch, so that a repeated call goes on there;
            removed at the end. Only the first process reads and writes it.
        identity: what tells these images from others under the same names; called when they are
            too many to be held in memory, where their pixels tell it.

    Raises:
        Misuse: if the network has batch norm and gets one image per step.
        PipelineError: if the loss is not a finite number, or the state cannot be written.
    """
    group, device = ranks(), compute.device
    pairs = not recipe.freeze_bn and _normalises_batches(network)
    if pairs and recipe.batch_size == 1:
        raise Misuse(
            "This model has batch norm, which needs at least 2 images per step; take a larger "
            "--batch-size, or --freeze-bn, which keeps the statistics of the given weights."
        )
    network.to(device)
    shared = group.wrap(network, device, frozen_bn=recipe.freeze_bn)
    fused = device.type == "cuda"
    optimiser = torch.optim.AdamW(_groups(network, recipe), lr=recipe.lr, fused=fused)
    looks = _Looks(1 if device.type == "cpu" else _BETWEEN_LOOKS)
    per_epoch = math.ceil(len(data) / recipe.batch_size)
    total = recipe.steps or max(recipe.epochs * per_epoch, recipe.min_steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _cosine(total))
    change = augmentation(recipe.augment)
    fetch_ahead(data.images, data.rows, compute.progress)
    source = _Source(data, preparation, compute)
    binding = ""
    if resume is not None and group.first:
        binding = _binding(data, preparation, recipe, source.digest() or identity())
    state = TrainingState(resume, network, optimiser, schedule, binding)
    epoch = state.load(device)
    if epoch and group.first:
        compute.progress.say(f"Training goes on after {epoch} finished epochs ({resume})")
    elif state.exists:
        compute.progress.say(
            f"Training begins anew: the state in {resume} is of other images, weights or settings, "
            "or damaged"
        )
    with compute.progress.track("Training", total) as advance:
        step = epoch * per_epoch
        advance(step)
        while step < total:
            _training_mode(network, recipe)
            # Chance depends on seed, epoch and rank alone, so a resumed run draws the same.
            chance = torch.Generator().manual_seed(_seed(recipe.seed, epoch))
            order = torch.randperm(len(data), generator=chance).tolist()
            if not group.first:
                chance.manual_seed(_seed(recipe.seed, epoch, group.rank))
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                torch.manual_seed(_seed(recipe.seed, epoch, group.rank))
                batches = [
                    [order[i] for i in batch]
                    for batch in in_order(len(order), recipe.batch_size)[: total - step]
                ]
                parts = [group.part(batch) for batch in batches]
                incoming = source.batches([part for part, _ in parts])
                for batch, (_, factor), (pixels, labels, weights) in zip(
                    batches, parts, incoming, strict=True
                ):
                    # Batch norm in training mode cannot take a single value per channel. Whose
                    # turn it is to be left over, the order of the epoch decides.
                    if len(batch) > 1 or not pairs or len(order) == 1:
                        x = preparation.batch(change(_on(device, pixels), chance))
                        with autocast(device, compute.trains_in_bfloat16):
                            summed = _summed_loss(
                                _outputs(shared, x),
                                _on(device, labels),
                                _on(device, weights),
                                recipe,
                            )
                        loss = summed / (float(data.weights[batch].sum()) / factor)
                        looks.at(loss, step)
                        optimiser.zero_grad(set_to_none=True)
                        loss.backward()  # type: ignore[no-untyped-call]
                        optimiser.step()
                    schedule.step()
                    step += 1
                    advance(1)
            looks.now(step)
            epoch += 1
            state.save(epoch)
    state.forget()
    network.eval()


class _Looks:
    """Stops a training whose loss is no finite number, a few steps late where looking is slow.

    Args:
        every: steps from one look to the next.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._total: torch.Tensor | float = 0.0

    def at(self, loss: torch.Tensor, step: int) -> None:
        """Hear of a loss.

        Raises:
            PipelineError: if one since the last look is not finite.
        """
        self._total = self._total + loss.detach()  # Once not finite, it stays so.
        if step % self._every == 0:
            self.now(step)

    def now(self, step: int) -> None:
        """Look, whatever the step; raises as `at` does."""
        total, self._total = float(self._total), 0.0
        if not math.isfinite(total):
            raise PipelineError(f"The loss is {total} after {step} steps; take a smaller --lr.")


def _summed_loss(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, recipe: Recipe
) -> torch.Tensor:
    losses = functional.cross_entropy(
        logits.float(), labels, reduction="none", label_smoothing=recipe.label_smoothing
    )
    return (losses * weights.to(losses.dtype)).sum()


def _outputs(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    try:
        found: torch.Tensor = network(x)
    except ValueError as exc:
        if "more than 1 value per channel" not in str(exc):
            raise
        # A norm over feature maps of one pixel.
        raise PipelineError(
            f"This model cannot be trained with {len(x)} image{'s' * (len(x) > 1)} of "
            f"{x.shape[-1]} pixels per step: a norm is left with one value per channel. Use more "
            "images, a larger --img-size, --freeze-bn or --tune head."
        ) from exc
    return found


def _on(device: torch.device, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(device, non_blocking=True)


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
        for module in _norms(network):
            module.eval()


def _norms(network: nn.Module) -> Iterator[nn.Module]:
    # Every batch norm of torch and timm derives from this class.
    return (
        module for module in network.modules() if isinstance(module, nn.modules.batchnorm._NormBase)
    )


def _normalises_batches(network: nn.Module) -> bool:
    """Whether a layer takes its statistics over a batch; instance norms take them per image."""
    instance = nn.modules.instancenorm._InstanceNorm
    return any(not isinstance(module, instance) for module in _norms(network))


def _seed(seed: int, epoch: int, rank: int = 0) -> int:
    who = f" {rank}" if rank else ""
    digest = hashlib.sha256(f"plada-fit {seed} {epoch}{who}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


class _Source:
    """Batches of decoded images: all held in memory when they fit, else decoded every time.

    On a GPU they are held there. What does not fit is decoded ahead, and copied while the GPU
    computes.
    """

    def __init__(self, data: LabelledImages, preparation: Preparation, compute: Compute) -> None:
        self._data = data
        self._workers, self._device = compute.workers, compute.device
        size = len(data) * preparation.channels * preparation.stored_size**2
        self._held: Batch | None = None
        self._digest = ""
        if size <= HELD_BYTES:
            batches = in_order(len(data), 256)
            parts = list(loaded(data, batches, workers=self._workers, device=self._device))
            pixels, labels, weights = (torch.cat(column) for column in zip(*parts, strict=True))
            self._digest = hashlib.sha256(pixels.numpy().data).hexdigest()
            device = self._device
            self._held = pixels.to(device), labels.to(device), weights.to(device)

    def digest(self) -> str:
        """SHA-256 (hex) of the pixels of all images, or nothing where they are not held."""
        return self._digest

    def batches(self, batches: list[list[int]]) -> Iterator[Batch]:
        """The items of each batch, stacked."""
        if self._held is None:
            yield from loaded(self._data, batches, workers=self._workers, device=self._device)
            return
        for batch in batches:
            rows = sent(torch.tensor(batch), self._device)
            pixels, labels, weights = (column[rows] for column in self._held)
            yield pixels, labels, weights


def _binding(data: LabelledImages, preparation: Preparation, recipe: Recipe, images: str) -> str:
    """What a stored state belongs to: the same images, labels and settings."""
    about = ["plada-training-2", repr(preparation), recipe.to_json(), images]
    state = hashlib.sha256(json.dumps(about).encode())
    for column in (data.rows, data.targets, data.weights):
        state.update(column.tobytes())
    return state.hexdigest()
