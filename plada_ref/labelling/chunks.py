"""The teacher's pass over chunks of a pool: the same code in this process and on a cluster.

The last bits of a logit depend on what else is in the batch and on the number of threads. So
batches have fixed borders within a chunk, and both numbers are settings of a run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..compute.batches import ReadableImages, loaded
from ..compute.context import Compute
from ..compute.progress import Advance
from ..features.target import Features
from ..images import ImagePool
from ..models.checkpoint import Checkpoint
from ..models.preparation import Preparation
from ..models.spec import classifier, features
from ..pool import UnreadableImage
from .scores import Scores, score

STRETCH = 1 << 17
"""Images whose keys and places are in memory at a time; half a second goes into the next ones."""


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
    device, batch_size = compute.device, compute.batch_size
    network = teacher.network.to(device).eval()
    incoming = _prepared(pool, teacher.preparation, chunks, compute)
    for chunk in chunks:
        logits: list[torch.Tensor] = []
        seen: list[torch.Tensor] = []
        readable: list[torch.Tensor] = []
        # Not around the yield: the caller is not to find itself in inference mode.
        with torch.inference_mode():
            for _ in range(0, len(chunk), batch_size):
                stored, decoded = next(incoming)
                pixels = stored.to(device, non_blocking=True)
                readable.append(decoded)
                found, z = _forward(network, teacher.preparation.batch(pixels))
                # Both stay on the device until the chunk is done: a copy would wait for it.
                logits.append(z.float())
                if keep_features:
                    seen.append(found.to(torch.float16))
                advance(len(pixels))
            scores = score(torch.cat(logits).cpu().numpy(), temperature=temperature)
            scores = scores.without(np.flatnonzero(torch.cat(readable).numpy() == 0))
            kept = torch.cat(seen).cpu().numpy() if keep_features else None
        yield Chunk(chunk, scores, kept)


def _prepared(
    pool: ImagePool,
    preparation: Preparation,
    chunks: Sequence[range],
    compute: Compute,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the batches of all chunks: pixels, and 1 where the image decodes.

    What is known of the pool meanwhile is a stretch of it.
    """
    waiting = deque(chunks)
    while waiting:
        stretch = [waiting.popleft()]
        images = len(stretch[0])
        while waiting and images + len(waiting[0]) <= STRETCH:
            images += len(waiting[0])
            stretch.append(waiting.popleft())
        batches = [
            chunk[start : start + compute.batch_size]
            for chunk in stretch
            for start in range(0, len(chunk), compute.batch_size)
        ]
        ascending = sorted(stretch, key=lambda chunk: chunk.start)
        known = pool.only(np.concatenate([np.array(chunk) for chunk in ascending]))
        dataset = ReadableImages(known, preparation, UnreadableImage)
        pin = compute.device.type == "cuda"
        yield from loaded(dataset, batches, workers=compute.workers, pin=pin)


def _forward(network: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(features, logits). The features are empty for a model without a linear classifier."""
    layer = classifier(network)
    if layer is None:
        return torch.empty(len(x), 0), network(x)
    found = features(network, x)
    return found, layer(found)
