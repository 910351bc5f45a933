"""Students of three kinds that judge payloads: what teaches one need not teach another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from pladafmt import Payload

from ..errors import Misuse

if TYPE_CHECKING:
    from ..compute.context import Compute
    from ..images import ImagePool
    from ..models.spec import ModelSpec
    from ..tasks.task import Task
    from ..training.decoded_pool import DecodedPool
    from ..training.recipe import Recipe

HEAD, FINETUNE, SCRATCH = "head", "finetune", "scratch"

KINDS = (HEAD, FINETUNE, SCRATCH)
"""A linear head on a frozen backbone; a pre-trained network, all layers; one that begins with
nothing."""

FINETUNE_SIZE = 64
"""Pixels of the image that a network is fine-tuned on, at most: a short training on small images
shows the same order of payloads (docs/selection.md)."""

SCRATCH_SIZE = 32

BATCH_SIZE = {FINETUNE: 64, SCRATCH: 128}

STEPS = {FINETUNE: (300, 1200), SCRATCH: (600, 2000)}
"""Of the trainings, at least and at most: as many as `PASSES` take. In 300 steps from scratch, the
payloads of 2,000 bytes that a client learns most from look worse than others (docs/selection.md).
"""

PASSES = {FINETUNE: 4, SCRATCH: 20}
"""How often a training sees each image, if its steps allow that. A client sees its payload through:
of a rule that keeps 12,432 images a fine-tuned network learned 70 % of Fashion-MNIST in 400 steps
of 128, of a tenth of them 67; in 300 steps of 64, 35 and 61 %. From scratch a list of 8,000 bytes
teaches 48 % in 600 steps and 60 in 2,000 (docs/selection.md)."""


class Students(Protocol):
    """Trains students of one kind."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        ...

    def accuracy(self, payload: Payload, soft: npt.NDArray[np.float32] | None) -> float:
        """What a student that learns from a payload reaches on the held-out images, 0 to 1.

        Args:
            payload: keeps an image at least.
            soft: probabilities of the classes for each kept image, shape (K, C), in place of the
                labels.

        Raises:
            PipelineError: if an image cannot be read.
        """
        ...


@dataclass(frozen=True, eq=False)
class WholeStudents:
    """Students that train all their layers, for a short time.

    Attributes:
        kind: one of `KINDS`.
        spec: the network.
        recipe: how it is trained, in as many steps as `steps_for` says.
        pool: the images.
        held_out: the target's images that they are tested on.
        compute: where they are trained; hears nothing.
    """

    kind: str
    spec: ModelSpec
    recipe: Recipe
    pool: ImagePool
    held_out: Task
    compute: Compute

    def accuracy(self, payload: Payload, soft: npt.NDArray[np.float32] | None) -> float:
        """As `Students.accuracy`."""
        from ..training.evaluate import evaluate
        from ..training.learn import train

        if payload.kept < 2:  # Batch norm has no statistics of one image.
            return 0.0
        how = replace(self.recipe, steps=steps_for(self.kind, payload.kept))
        student = train(payload, self.pool, self.spec, how, compute=self.compute, soft=soft)
        tested = replace(self.compute, bfloat16=False)  # As its clients will use it.
        return evaluate(student, self.held_out, compute=tested).accuracy


def steps_for(kind: str, images: int) -> int:
    """How many steps students that train whole take to learn from a number of images."""
    least, most = STEPS[kind]
    return min(max(least, ceil(PASSES[kind] * images / BATCH_SIZE[kind])), most)


def chosen_kinds(text: str | None) -> tuple[str, ...] | None:
    """The kinds that a list with commas names, in the order of `KINDS`; None for None.

    Raises:
        Misuse: if it names none, or another.
    """
    if text is None:
        return None
    named = {part.strip() for part in text.split(",")}
    unknown = sorted(named - set(KINDS))
    if unknown:
        raise Misuse(
            f"--students lists kinds of students: {', '.join(KINDS)}; there is no {unknown[0]!r}."
        )
    return tuple(kind for kind in KINDS if kind in named)


def check_kinds(kinds: Sequence[str], spec: ModelSpec) -> None:
    """Check, before hours of work, that a model can be fine-tuned if that is asked for.

    Raises:
        Misuse: if its weights are random.
    """
    if FINETUNE in kinds and spec.is_random:
        raise Misuse(
            f"Students that are fine-tuned begin with pre-trained weights, and {spec.model!r} "
            "has none: give --weights or --pretrained, or name other --students."
        )


def whole_students(
    kinds: Sequence[str],
    spec: ModelSpec,
    pool: ImagePool,
    held_out: Task,
    compute: Compute,
    *,
    seed: int,
) -> list[Students]:
    """What trains the students of those kinds that train whole.

    `spec`'s network is fine-tuned, at `FINETUNE_SIZE` pixels or less; a small net for colour images
    learns from scratch, at `SCRATCH_SIZE`, in bfloat16 on processors made for it. Both see the
    images through `spec`'s `via_size`, and in grey where it does. Each image of the pool is decoded
    once for all that store it alike.

    Args:
        spec: the pre-trained model.
        held_out: the target's images that students are tested on.
        seed: of the trainings.

    Raises:
        Misuse: if `spec` names no pre-trained weights, and its fine-tuning is asked for.
    """
    from ..compute.context import Compute
    from ..compute.precision import multiplies_bfloat16
    from ..models.convnets import COLOUR
    from ..models.spec import ModelSpec
    from ..training.recipe import recipe

    quiet = Compute(compute.device, compute.workers, compute.batch_size)
    shared: dict[tuple[int, int, bool], DecodedPool] = {}

    def students(kind: str, spec: ModelSpec, how: Recipe, compute: Compute = quiet) -> Students:
        decoded = _decoded(shared, pool, spec, quiet)
        return WholeStudents(kind, spec, how, decoded, held_out, compute)

    check_kinds(kinds, spec)
    made: list[Students] = []
    if FINETUNE in kinds:
        size = min(spec.preparation().img_size, FINETUNE_SIZE)
        made.append(
            students(
                FINETUNE,
                replace(spec, img_size=size),
                recipe("all", batch_size=BATCH_SIZE[FINETUNE], seed=seed),
            )
        )
    if SCRATCH in kinds:
        via = spec.via_size
        net = ModelSpec(
            COLOUR,
            img_size=SCRATCH_SIZE,
            via_size=None if via == SCRATCH_SIZE else via,
            grey=spec.grey,
        )
        how = recipe("all", batch_size=BATCH_SIZE[SCRATCH], lr=3e-3, seed=seed)
        fast = replace(quiet, bfloat16=True) if multiplies_bfloat16(quiet.device) else quiet
        made.append(students(SCRATCH, net, how, fast))
    return made


def _decoded(
    shared: dict[tuple[int, int, bool], DecodedPool],
    pool: ImagePool,
    spec: ModelSpec,
    compute: Compute,
) -> DecodedPool:
    from ..training.decoded_pool import DecodedPool

    made = spec.preparation()
    key = (made.channels, made.stored_size, made.grey)
    if key not in shared:
        shared[key] = DecodedPool(pool, made, compute.workers)
    return shared[key]
