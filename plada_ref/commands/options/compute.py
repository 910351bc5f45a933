"""Options that say what a command computes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ...compute.process import suit_torch
from ...optional import need
from .group import OptionGroup

if TYPE_CHECKING:
    from ...compute.context import Compute
    from ...compute.progress import Progress

DeviceOption = Annotated[str, typer.Option(help="cpu, cuda, or auto for a GPU when there is one.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that decode images; chosen for this machine by default."),
]

PassOption = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        help="Images per pass of the model. Default: 64, and more on a GPU with memory for them.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class ComputeOptions(OptionGroup):
    """The device, and the processes that decode images."""

    panel = "Machine"

    device: DeviceOption = "auto"
    workers: WorkersOption = None

    def compute(self, progress: Progress, *, batch_size: int | None = None) -> Compute:
        """Return what the command computes on; call it once per command.

        Args:
            progress: hears how far the work is: the command's `Output`.
            batch_size: images per pass through a model; chosen for the device when None.

        Raises:
            Misuse: if there is no such device.
        """
        from ...compute.context import Compute
        from ...compute.device import find_device

        where = find_device(self.device)
        return Compute(where, self.workers, batch_size, progress)


@dataclass(frozen=True, kw_only=True)
class BatchedComputeOptions(ComputeOptions):
    """The same, with the images per pass, for a command without a recipe."""

    batch_size: PassOption = None

    def compute(self, progress: Progress, *, batch_size: int | None = None) -> Compute:
        """Return what the command computes on, with ``--batch-size`` unless another is given."""
        return super().compute(progress, batch_size=batch_size or self.batch_size)


def prepare(name: str) -> None:
    """Check for the packages of the command called `name`, before torch is imported.

    Raises:
        Misuse: if one is not installed.
    """
    suit_torch()
    for module in ("torch", "torchvision", "timm", "safetensors", "pyarrow", "fsspec"):
        need(module, extra="ref", for_=name)
