"""Features of a whole pool on disk, in chunks that an interrupted run need not repeat."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..features import CachedView, FeatureCache
from ..images import ImageSet
from ..loading import PreparedImages, loaded
from ..models import features
from ..output import Output
from ..preparation import Preparation

CHUNK = 4096
"""Images between two writes to the disk: what an interrupted run has to repeat at most."""


def pool_features(
    network: nn.Module,
    images: ImageSet,
    preparation: Preparation,
    *,
    cache: FeatureCache,
    batch_size: int,
    device: torch.device,
    workers: int | None,
    output: Output,
) -> CachedView:
    """The features of all N images, float16 of shape (N, D) on disk.

    Batches have fixed borders, so features do not depend on where a run was interrupted: the last
    bit of a float may depend on what else is in the batch.

    Raises:
        PipelineError: if an image has changed, is missing or unreadable.
    """
    network = network.to(device).eval()
    view = cache.view(network, preparation, flip=False)
    everything = np.arange(len(images), dtype=np.int64)
    chunks = [
        everything[start : start + CHUNK]
        for start in (np.unique(view.missing(everything) // CHUNK) * CHUNK).tolist()
    ]
    batches = [
        chunk[start : start + batch_size].tolist()
        for chunk in chunks
        for start in range(0, len(chunk), batch_size)
    ]
    incoming = loaded(PreparedImages(images, preparation), batches, workers=workers)
    with output.progress("Features", len(images)) as advance, torch.inference_mode():
        advance(len(images) - sum(map(len, chunks)))
        for chunk in chunks:
            found = []
            for _ in range(0, len(chunk), batch_size):
                pixels = next(incoming)
                x = preparation.batch(pixels.to(device))
                found.append(features(network, x).to("cpu", torch.float16).numpy())
                advance(len(pixels))
            view.put(chunk, np.concatenate(found))
    return view
