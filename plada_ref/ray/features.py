"""``plada pool index --order semantic --engine ray``: the features of a pool's images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import nn

from ..compute.progress import Advance
from ..features.backbone import Backbone, Seen
from ..images import ImageSet
from ..models.preparation import Preparation
from .model_actors import ModelActors, Setting, processor


@dataclass(frozen=True)
class FeatureActors(ModelActors):
    """Computes features with actors on the Ray cluster that this process is connected to."""

    def __call__(
        self, backbone: Backbone, images: ImageSet, chunks: Sequence[range], *, advance: Advance
    ) -> Iterator[Seen]:
        """Yield the features of each chunk, in the order in which they are finished.

        Raises:
            PipelineError: as `Backbone.chunks_of` does, or if actor after actor is lost.
            Misuse: if no node has room for an actor.
        """
        compute = replace(backbone.compute, batch_size=backbone.batch_size)
        job = _FeatureJob(
            backbone.network.cpu(), images, backbone.preparation, Setting.here(compute)
        )
        for found in self.work(job, chunks, backbone.compute, made="features"):
            advance(len(found.positions))
            yield found


@dataclass
class _FeatureJob:
    """See `actors.Job`. The network and the pool travel whole, as in `plada_ref.ray.label`."""

    network: nn.Module
    images: ImageSet
    preparation: Preparation
    setting: Setting

    def start(self) -> str:
        return processor(self.setting.enter().device)

    def work(self, chunks: Sequence[range]) -> Iterator[Seen]:
        backbone = Backbone(self.network, self.preparation, self.setting.enter())
        yield from backbone.chunks_of(self.images, chunks)
