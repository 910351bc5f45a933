"""``plada pool index --order semantic --engine ray``: the features of a pool's images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..compute.progress import Advance
from ..features.head import Features
from ..features.pool import feature_chunks
from ..images import ImageSet
from ..models.preparation import Preparation
from .staff import Setting, Staff, processor


@dataclass(frozen=True)
class RayFeatures(Staff):
    """Computes features with actors on the Ray cluster that this process is connected to."""

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
        """Yield the features of each chunk, in the order in which they are finished.

        Raises:
            PipelineError: as `feature_chunks` does, or if actor after actor is lost.
            Misuse: if no node has room for an actor.
        """
        job = _FeatureJob(
            network.cpu(), images, preparation, Setting.here(device), batch_size, self.workers
        )
        for positions, found in self.work(job, chunks, device, made="features"):
            advance(len(positions))
            yield positions, found


@dataclass
class _FeatureJob:
    """See `crew.Job`. The network and the pool travel whole, as in `ray_label`."""

    network: nn.Module
    images: ImageSet
    preparation: Preparation
    setting: Setting
    batch_size: int
    workers: int

    def start(self) -> str:
        return processor(self.setting.enter())

    def work(self, chunks: Sequence[range]) -> Iterator[tuple[range, Features]]:
        yield from feature_chunks(
            self.network,
            self.images,
            self.preparation,
            chunks,
            device=self.setting.enter(),
            batch_size=self.batch_size,
            workers=self.workers,
        )
