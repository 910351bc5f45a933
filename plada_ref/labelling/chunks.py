"""The teacher's pass over chunks of a pool: the same code in this process and on a cluster.

The last bits of a logit depend on what else is in the batch and on the number of threads. So
batches have fixed borders within a chunk, and both numbers are settings of a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ..compute.context import Compute
from ..compute.copies import Coming, awaited, lent
from ..compute.precision import autocast
from ..compute.progress import Advance
from ..features.target import Features
from ..images import ImagePool, in_stretches
from ..models.checkpoint import Checkpoint
from ..models.image_batches import image_batches
from ..models.limits import batch_of
from ..models.preparation import Preparation
from ..models.spec import classifier, features
from ..pool import UnreadableImage
from .scores import Scores, score


@dataclass(frozen=True)
class Chunk:
    """The scores of the images at the pool positions `positions`.

    An image that does not decode has none, see `Scores`.

    Attributes:
        features: what the classifier saw, shape (n, D), float16; None where nobody asked.
    """

    positions: range
    scores: Scores
    features: Features | None


def label_chunks(
    pool: ImagePool,
    teacher: Checkpoint,
    chunks: Sequence[range],
    *,
    compute: Compute,
    temperature: float = 1.0,
    keep_features: bool = False,
    advance: Advance = lambda images: None,
) -> Iterator[Chunk]:
    """Label the images of each chunk, in order.

    Args:
        chunks: pool positions.
        temperature: of the energy, see `score`.
        keep_features: needs a teacher that ends in a linear layer.
        advance: told about each batch.

    Raises:
        PipelineError: if an image has changed or is missing, or the teacher gives numbers that are
            not finite.
    """
    for late in awaited(
        _computed(pool, teacher, chunks, compute, keep_features, advance), compute.device
    ):
        scores = score(late.logits.get().numpy(), temperature=temperature)
        scores = scores.without(late.unreadable)
        kept = None if late.features is None else late.features.get().numpy()
        yield Chunk(late.positions, scores, kept)


class _Late(NamedTuple):
    """What a chunk's scores are made of, which the device may still compute."""

    positions: range
    logits: Coming
    features: Coming | None
    unreadable: npt.NDArray[np.int64]


def _computed(
    pool: ImagePool,
    teacher: Checkpoint,
    chunks: Sequence[range],
    compute: Compute,
    keep_features: bool,
    advance: Advance,
) -> Iterator[_Late]:
    size = batch_of(compute, teacher.preparation.img_size)
    incoming = _prepared(pool, teacher.preparation, chunks, size, compute)
    with lent(teacher.network, compute.device) as network:
        for chunk in chunks:
            logits: list[torch.Tensor] = []
            seen: list[torch.Tensor] = []
            readable: list[torch.Tensor] = []
            # Not around the yield: the caller is not to find itself in inference mode.
            with torch.inference_mode():
                for _ in range(0, len(chunk), size):
                    pixels, decoded = next(incoming)
                    readable.append(decoded)
                    found, z = _forward(network, teacher.preparation.batch(pixels), compute)
                    # Both stay on the device until the chunk is done: a copy would wait for it.
                    logits.append(z)
                    if keep_features:
                        seen.append(found.to(torch.float16))
                    advance(len(pixels))
                kept = Coming(torch.cat(seen)) if keep_features else None
                lost = np.flatnonzero(torch.cat(readable).numpy() == 0)
                late = _Late(chunk, Coming(torch.cat(logits)), kept, lost)
            yield late


def _prepared(
    pool: ImagePool,
    preparation: Preparation,
    chunks: Sequence[range],
    size: int,
    compute: Compute,
) -> Iterator[list[torch.Tensor]]:
    """Yield the batches of all chunks: pixels, and 1 where the image decodes.

    What is known of the pool meanwhile is a stretch of it.
    """
    on_gpu = compute.device.type == "cuda"
    for stretch, known in in_stretches(pool, chunks, long=on_gpu):
        batches = [
            chunk[start : start + size] for chunk in stretch for start in range(0, len(chunk), size)
        ]
        yield from image_batches(known, preparation, batches, compute, skipped=UnreadableImage)


def _forward(
    network: nn.Module, x: torch.Tensor, compute: Compute
) -> tuple[torch.Tensor, torch.Tensor]:
    """(features, logits). The features are empty for a model without a linear classifier.

    That computes with float32 in any case: bfloat16 has three digits, and scores are compared.
    """
    layer = classifier(network)
    with autocast(compute.device, compute.passes_in_bfloat16):
        if layer is None:
            return torch.empty(len(x), 0), network(x).float()
        found = features(network, x).float()
    return found, layer(found)
