"""Teach a teacher, train a student: the same learning from different images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pladafmt import Payload, PoolRef

from ..compute.context import Compute
from ..compute.torchrun import ranks
from ..errors import Misuse, PipelineError
from ..features.backbone import Backbone
from ..features.cache import FeatureCache
from ..features.head import PASSES, HeadSettings, fit_head
from ..images import ImagePool
from ..models.checkpoint import Checkpoint
from ..models.preparation import Preparation
from ..models.spec import ModelSpec, backbone_digest, build, check_input, classifier
from ..pool import MissingImage, UnreadableImage
from ..pool.fetch_ahead import fetch_ahead
from ..tasks.content import task_digest
from ..tasks.task import Task
from .augment import augmentation
from .dataset import LabelledImages
from .evaluate import agreement
from .held_out import HeldOut, measure_head, rows_to_hold_out
from .loop import optimise
from .recipe import Recipe, Tune
from .recipe import recipe as default_recipe
from .start import Start
from .usable import UsablePart


def teach(
    task: Task,
    spec: ModelSpec,
    recipe: Recipe | None = None,
    *,
    compute: Compute | None = None,
    resume: Path | None = None,
    measure: Callable[[HeldOut | None], None] | None = None,
) -> Checkpoint:
    """Train a teacher on the labelled images of a task.

    Args:
        recipe: how; the default recipe of ``head`` when None.
        resume: file for the state after each epoch, see `plada_ref.training.loop.optimise`.
        measure: with the recipe ``head``, hears what a head reaches that has not seen a tenth of
            the images; None if they are too few. The teacher is made of all of them.

    Raises:
        PipelineError: if an image or the weights cannot be read.
        Misuse: if the model or the recipe cannot be used, or the task has a single class.
    """
    if len(task.classes) < 2:
        raise Misuse(
            f"The task {task.name!r} has a single class, and a teacher tells classes apart; give "
            "it two or more."
        )
    learner = _Learner(
        spec, recipe or default_recipe(Tune.HEAD), compute or Compute(), None, resume, measure
    )
    facts = {"role": "teacher", "task": task.name}
    return learner.learn(LabelledImages.of_task(task), facts, lambda: task_digest(task))


def train(
    payload: Payload,
    pool: ImagePool,
    spec: ModelSpec,
    recipe: Recipe | None = None,
    *,
    compute: Compute | None = None,
    resume: Path | None = None,
    cache: FeatureCache | None = None,
    soft: npt.NDArray[np.float32] | None = None,
    hold_out: float = 0.0,
    measure: Callable[[HeldOut | None], None] | None = None,
    skip_missing: bool = False,
    max_unreadable: float | None = None,
    start: Start | None = None,
) -> Checkpoint:
    """Train a student on what a payload says about the client's pool.

    Args:
        recipe: how; the default recipe of ``head`` when None.
        cache: features of this pool; students of one frozen backbone share them.
        resume: file for the state after each epoch, see `plada_ref.training.loop.optimise`.
        soft: probabilities of the classes for each kept image, to be learned in place of the
            labels; see `plada_ref.training.soft_labels`.
        hold_out: this part of each class is not learned from.
        measure: hears how often the student is right about what was held out, or with the recipe
            ``head`` and no `hold_out`, what `teach` tells; right is what the payload says.
        skip_missing: learn from the kept images that this pool's sources hold, and not from the
            others. The checkpoint's facts state as ``left_out`` how many of each class these are.
        max_unreadable: the part of the kept images that may be skipped since they do not decode;
            see `plada_ref.pool.most_unreadable`. They are stated likewise.
        start: a student whose weights are the first ones; `spec` is its `Start.spec`.

    Raises:
        pladafmt.errors.Mismatch: if the payload was made for another pool.
        PipelineError: if the payload keeps nothing, an image of the pool has changed or is missing,
            too many do not decode, or the weights cannot be read.
        Misuse: if the model or the recipe cannot be used.
    """
    how = recipe or default_recipe(Tune.HEAD)
    learner = _Learner(spec, how, compute or Compute(), cache, resume, measure, hold_out, start)
    facts: dict[str, Any] = {"role": "student", "pool": payload.pool.id.hex()}
    if start is not None:
        facts["started_from"] = start.student.sha256
    if soft is not None:
        facts["soft_labels"] = True
    usable = UsablePart(LabelledImages.of_payload(payload, pool, soft), pool, learner.compute)
    if skip_missing:
        usable.leave_out_missing()
    if ranks().size > 1:
        usable.leave_out_unreadable(max_unreadable)  # Each process sees a part of the images.
    try:
        return learner.learn_usable(usable, facts, payload.pool)
    except MissingImage as exc:
        raise usable.missing() from exc
    except UnreadableImage:
        # Looked for only now: where all images decode, they are not decoded once more.
        usable.leave_out_unreadable(max_unreadable)
    return learner.learn_usable(usable, facts, payload.pool)


@dataclass(frozen=True, eq=False)
class _Learner:
    spec: ModelSpec
    recipe: Recipe
    compute: Compute
    cache: FeatureCache | None
    resume: Path | None
    measure: Callable[[HeldOut | None], None] | None
    hold_out: float = 0.0
    start: Start | None = None

    def __post_init__(self) -> None:
        if self.recipe.tune is not Tune.ALL:
            self.spec.check_frozen(f"--tune {self.recipe.tune}")

    def learn_usable(self, usable: UsablePart, facts: dict[str, Any], pool: PoolRef) -> Checkpoint:
        """The model trained on what is left of a payload; the checkpoint says what is not."""
        left_out = usable.left_out.to_json()
        if left_out:
            facts = facts | {"left_out": left_out}
        data, held = usable.data, None
        if self.hold_out:
            rows = rows_to_hold_out(
                data.labels, data.rows.tolist(), fraction=self.hold_out, seed=self.recipe.seed
            )
            data, held = data.part(~rows), data.part(rows)
        # Each image is verified against the pool when it is read, so the pool's id says what it is.
        student = self.learn(data, facts, pool.id.hex)
        if held is not None and self.measure is not None and ranks().first:
            fetch_ahead(held.images, held.rows, self.compute.progress)
            found = agreement(student, held, compute=self.compute) if len(held) else None
            self.measure(found)
        return student

    def learn(
        self, data: LabelledImages, facts: dict[str, Any], identity: Callable[[], str]
    ) -> Checkpoint:
        """The model trained on `data`; the checkpoint states `facts` and how it was trained."""
        spec, recipe = self.spec, self.recipe
        count = data.classes if isinstance(data.classes, int) else len(data.classes)
        preparation = spec.preparation()
        augmentation(recipe.augment)  # A wrong name is found before the long work.
        data.transform = preparation
        # What the results name is what is read: the file may be replaced meanwhile.
        weights = spec.weights_digest()
        network = build(spec, count, seed=recipe.seed, say=self.compute.progress.say)
        if weights != spec.weights_digest():
            raise PipelineError(
                f"The weights file {str(spec.weights)!r} was changed while it was read; try again."
            )
        if self.start is not None:
            fitted = recipe.tune is not Tune.ALL
            say = self.compute.progress.say
            self.start.give(network, data.classes, say, fitted=fitted)
        check_input(network, spec.model, preparation, self.compute.device)
        # The other processes get what the first one has fitted when `optimise` begins.
        if recipe.tune is not Tune.ALL and ranks().first:
            self._fit_head(network, data, count, preparation)
        if recipe.tune is not Tune.HEAD:
            optimise(
                network,
                data,
                preparation,
                recipe,
                compute=self.compute,
                resume=self.resume,
                identity=identity,
            )
        network.to("cpu").eval()
        facts = facts | {
            "images": len(data),
            "recipe": recipe.to_json(),
            "weights": weights,
            "pretrained": spec.pretrained and spec.weights is None,
            "backbone": backbone_digest(network),
        }
        return Checkpoint(spec.model, data.classes, preparation, network, facts)

    def _fit_head(
        self, network: nn.Module, data: LabelledImages, count: int, preparation: Preparation
    ) -> None:
        recipe, only_head = self.recipe, self.recipe.tune is Tune.HEAD
        layer = classifier(network)
        if layer is None:
            raise Misuse(
                f"{self.spec.model!r} does not end in a plain linear layer, so its head cannot be "
                "fitted alone; use --tune all."
            )
        seen_by = Backbone(
            network, preparation, replace(self.compute, batch_size=recipe.batch_size)
        )
        # As the start of "slow", a head without the mirror images will do at half the cost.
        mirrored = only_head and augmentation(recipe.augment).flip
        views = seen_by.views(data.images, data.rows, mirrored=mirrored, cache=self.cache)
        passes = recipe.epochs if only_head else PASSES
        settings = HeadSettings(
            decay=recipe.head_decay,
            passes=passes,
            smoothing=recipe.label_smoothing if only_head else 0.0,
        )
        with self.compute.progress.track("Fitting the head", passes) as advance:
            head = fit_head(views, data.targets, data.weights, count, settings, advance=advance)
        if only_head and self.measure is not None and not self.hold_out:
            fit = partial(fit_head, classes=count, settings=settings)
            self.measure(measure_head(views, data, fit, seed=recipe.seed))
        with torch.no_grad():
            layer.weight.copy_(head.weight)
            if layer.bias is not None:
                layer.bias.copy_(head.bias)
        network.to(self.compute.device)
