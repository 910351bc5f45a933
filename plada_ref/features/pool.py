"""Features of a whole pool on disk, in chunks that an interrupted run need not repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import nn

from ..compute.batches import PreparedImages, loaded
from ..compute.progress import Advance
from ..images import ImageSet
from ..models.preparation import Preparation
from ..models.spec import features
from ..output import Output
from .cache import CachedView, FeatureCache
from .head import Features

CHUNK = 4096
"""Images between two writes to the disk: what an interrupted run has to repeat at most."""


class FeatureEngine(Protocol):
    """Computes features somewhere else than in this process, see `plada_ref.ray`."""

    def __call__(
        self,
        network: nn.Module,
        images: ImageSet,
        preparation: Preparation,
        chunks: Sequence[range],
        *,
        device: torch.device,
        batch_size: int,
        advance: Advance,
    ) -> Iterator[tuple[range, Features]]:
        """Yield every chunk with its features, in any order; bit for bit `feature_chunks`'."""
        ...


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
    engine: FeatureEngine | None = None,
) -> CachedView:
    """The features of all N images, float16 of shape (N, D) on disk.

    Args:
        workers: processes that decode and verify images; an `engine` has its own.
        engine: what computes the features; this process when None.

    Raises:
        PipelineError: if an image has changed, is missing or unreadable.
    """
    view = cache.view(network, preparation, flip=False)
    missing = view.missing(np.arange(len(images), dtype=np.int64))
    chunks = [
        range(start, min(start + CHUNK, len(images)))
        for start in (np.unique(missing // CHUNK) * CHUNK).tolist()
    ]
    with output.track("Features", len(images)) as advance:
        advance(len(images) - sum(map(len, chunks)))
        if engine is None:
            results = feature_chunks(
                network,
                images,
                preparation,
                chunks,
                device=device,
                batch_size=batch_size,
                workers=workers,
                advance=advance,
            )
        else:
            results = engine(
                network,
                images,
                preparation,
                chunks,
                device=device,
                batch_size=batch_size,
                advance=advance,
            )
        for positions, found in results:
            view.put(np.array(positions), found)
    return view


def feature_chunks(
    network: nn.Module,
    images: ImageSet,
    preparation: Preparation,
    chunks: Sequence[range],
    *,
    device: torch.device,
    batch_size: int,
    workers: int | None,
    advance: Advance = lambda images: None,
) -> Iterator[tuple[range, Features]]:
    """Yield each chunk with the features of its images, float16 of shape (n, D), in order.

    Batches have fixed borders, so features do not depend on where a run was interrupted: the last
    bit of a float may depend on what else is in the batch.

    Raises:
        PipelineError: if an image has changed, is missing or unreadable.
    """
    network = network.to(device).eval()
    batches = [
        chunk[start : start + batch_size]
        for chunk in chunks
        for start in range(0, len(chunk), batch_size)
    ]
    incoming = loaded(PreparedImages(images, preparation), batches, workers=workers)
    for chunk in chunks:
        found: list[Features] = []
        # Not around the yield: the caller is not to find itself in inference mode.
        with torch.inference_mode():
            for _ in range(0, len(chunk), batch_size):
                pixels = next(incoming)
                x = preparation.batch(pixels.to(device))
                found.append(features(network, x).to("cpu", torch.float16).numpy())
                advance(len(pixels))
        yield chunk, np.concatenate(found)
