"""Teach a teacher, train a student: the same learning from different images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pladafmt import Payload

from ..compute.torchrun import ranks
from ..errors import Misuse
from ..features.cache import FeatureCache, features_of
from ..features.head import fit_head
from ..images import ImagePool
from ..models.checkpoint import Checkpoint
from ..models.preparation import Preparation
from ..models.spec import ModelSpec, backbone_digest, build, classifier
from ..output import Output
from ..tasks.task import Task
from .augment import augmentation
from .dataset import LabelledImages, student_data, teacher_data
from .loop import fit
from .recipe import Recipe, Tune


def teach(
    task: Task,
    spec: ModelSpec,
    recipe: Recipe,
    *,
    device: torch.device,
    output: Output,
    workers: int | None = None,
    resume: Path | None = None,
) -> Checkpoint:
    """Train a teacher on the labelled images of a task.

    Args:
        resume: file for the state after each epoch, see `plada_ref.training.loop.fit`.

    Raises:
        PipelineError: if an image or the weights cannot be read.
        Misuse: if the model or the recipe cannot be used.
    """
    return _learn(
        teacher_data(task),
        task.classes,
        spec,
        recipe,
        facts={"role": "teacher", "task": task.name},
        cache=None,
        device=device,
        workers=workers,
        output=output,
        resume=resume,
    )


def train(
    payload: Payload,
    pool: ImagePool,
    spec: ModelSpec,
    recipe: Recipe,
    *,
    device: torch.device,
    output: Output,
    workers: int | None = None,
    resume: Path | None = None,
    cache: FeatureCache | None = None,
) -> Checkpoint:
    """Train a student on what a payload says about the client's pool.

    Args:
        cache: features of this pool; students of one frozen backbone share them.
        resume: file for the state after each epoch, see `plada_ref.training.loop.fit`.

    Raises:
        pladafmt.errors.Mismatch: if the payload was made for another pool.
        PipelineError: if the payload keeps nothing, an image of the pool has changed, is missing
            or unreadable, or the weights cannot be read.
        Misuse: if the model or the recipe cannot be used.
    """
    classes = payload.classes
    return _learn(
        student_data(payload, pool),
        classes if isinstance(classes, int) else tuple(classes),
        spec,
        recipe,
        facts={"role": "student", "pool": payload.pool.id.hex()},
        cache=cache,
        device=device,
        workers=workers,
        output=output,
        resume=resume,
    )


def _learn(
    data: LabelledImages,
    classes: tuple[str, ...] | int,
    spec: ModelSpec,
    recipe: Recipe,
    *,
    facts: dict[str, Any],
    cache: FeatureCache | None,
    device: torch.device,
    workers: int | None,
    output: Output,
    resume: Path | None,
) -> Checkpoint:
    count = classes if isinstance(classes, int) else len(classes)
    preparation = spec.preparation()
    augmentation(recipe.augment)  # A wrong name is found before the long work.
    data.transform = preparation
    network = build(spec, count, seed=recipe.seed)
    # The other processes get what the first one has fitted when `fit` begins.
    if recipe.tune is not Tune.ALL and ranks().first:
        _fit_head(network, data, count, spec, preparation, recipe, cache, device, workers, output)
    if recipe.tune is not Tune.HEAD:
        fit(
            network,
            data,
            preparation,
            recipe,
            device=device,
            workers=workers,
            output=output,
            resume=resume,
        )
    network.to("cpu").eval()
    facts = facts | {
        "images": len(data),
        "recipe": recipe.to_json(),
        "weights": None if spec.weights is None else _file_digest(spec.weights),
        "pretrained": spec.pretrained and spec.weights is None,
        "backbone": backbone_digest(network),
    }
    return Checkpoint(spec.model, classes, preparation, network, facts)


def _fit_head(
    network: nn.Module,
    data: LabelledImages,
    count: int,
    spec: ModelSpec,
    preparation: Preparation,
    recipe: Recipe,
    cache: FeatureCache | None,
    device: torch.device,
    workers: int | None,
    output: Output,
) -> None:
    layer = classifier(network)
    if layer is None:
        raise Misuse(
            f"{spec.model!r} does not end in a plain linear layer, so its head cannot be fitted "
            "alone; use --tune all."
        )
    # As the start of "slow", a head without the mirror images will do at half the cost.
    mirrored = recipe.tune is Tune.HEAD and augmentation(recipe.augment).flip
    views = [
        features_of(
            network,
            data.images,
            data.rows,
            preparation,
            flip=flip,
            cache=cache,
            batch_size=recipe.batch_size,
            device=device,
            workers=workers,
            output=output,
        )
        for flip in ((False, True) if mirrored else (False,))
    ]
    passes = recipe.epochs if recipe.tune is Tune.HEAD else HEAD_PASSES
    with output.track("Fitting the head", passes) as advance:
        head = fit_head(
            views,
            data.labels,
            data.weights,
            count,
            decay=recipe.head_decay,
            passes=passes,
            smoothing=recipe.label_smoothing if recipe.tune is Tune.HEAD else 0.0,
            advance=advance,
        )
    with torch.no_grad():
        layer.weight.copy_(head.weight)
        if layer.bias is not None:
            layer.bias.copy_(head.bias)
    network.to(device)


HEAD_PASSES = 60
"""Passes of the head's solver in the first stage of ``slow``."""


def _file_digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
