"""Where and how a function computes, as one value: made once for a command and handed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from .device import find_device
from .precision import trains_in_bfloat16
from .progress import Progress, Silence


@dataclass(frozen=True)
class Compute:
    """What a function computes on, and whom it tells how far it is.

    Attributes:
        device: where models run; a GPU if there is one.
        workers: processes that decode images; chosen for this machine when None, and 0 decodes in
            this process.
        batch_size: images per pass through a model that is not being trained; when None, 64, or
            what suits a GPU, see `plada_ref.models.limits.batch_of`. A training's batches are its
            recipe's.
        progress: hears how far the work is; nobody by default.
        bfloat16: whether networks compute with bfloat16, in trainings and in passes. When None,
            trainings do so on GPUs that can, and nothing else does.
        decoder: what decodes plain JPEG files for labels and features: ``"cpu"``, by worker
            processes, or ``"gpu"``, the device; see `plada_ref.models.on_device`. Pixels differ a
            little.
    """

    device: torch.device = field(default_factory=find_device)
    workers: int | None = None
    batch_size: int | None = None
    progress: Progress = field(default_factory=Silence)
    bfloat16: bool | None = None
    decoder: str = "cpu"

    @property
    def trains_in_bfloat16(self) -> bool:
        """Whether the forward passes of trainings are in bfloat16."""
        return trains_in_bfloat16(self.device) if self.bfloat16 is None else self.bfloat16

    @property
    def passes_in_bfloat16(self) -> bool:
        """Whether models that are not being trained compute with bfloat16.

        Labels, features and predictions change a little by it, so somebody has to ask for it.
        """
        return bool(self.bfloat16)

    @property
    def departures(self) -> dict[str, Any]:
        """How passes differ from float32 and from images that processes decode, by attribute.

        Labels and features are bound to it; by default it is empty.
        """
        found: dict[str, Any] = {}
        if self.passes_in_bfloat16:
            found["bfloat16"] = True
        if self.decoder != "cpu":
            found["decoder"] = self.decoder
        return found
