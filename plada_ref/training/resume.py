"""The state of a training run after its last whole epoch, in a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pladafmt.files import replacing

from ..compute.sealed import is_sealed, seal
from ..compute.torchrun import ranks
from ..errors import PipelineError


class TrainingState:
    """Keeps and takes up weights, optimiser and schedule.

    Of several processes the first one reads and writes the file; the others get what it has read,
    so they need not see its disk.

    Args:
        path: None keeps nothing.
        binding: what a stored state belongs to, beside the weights that `network` has now.
    """

    def __init__(
        self,
        path: Path | None,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        binding: str,
    ) -> None:
        self._group = ranks()
        self._path = path if self._group.first else None
        self._parts: dict[str, Any] = {
            "network": network,
            "optimiser": optimiser,
            "schedule": schedule,
        }
        start = hashlib.sha256(binding.encode())
        for name, value in sorted(network.state_dict().items()):
            start.update(name.encode() + value.detach().cpu().numpy().tobytes())
        self._binding = start.hexdigest()

    @property
    def exists(self) -> bool:
        """Whether a file is there, in the first process; `load` may find that it is no use."""
        return self._path is not None and self._path.exists()

    def load(self, device: torch.device) -> int:
        """Take up a stored state; returns the number of epochs done."""
        stored = self._group.share(self._read(), device)
        if stored is None:
            return 0
        for name, part in self._parts.items():
            part.load_state_dict(stored[name])
        return int(stored["epoch"])

    def save(self, epoch: int) -> None:
        """Replace the file, whole or not at all.

        It is sealed, see `plada_ref.compute.sealed`.

        Raises:
            PipelineError: if the disk is full.
        """
        if self._path is None:
            return
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._parts.items()}
        try:
            with replacing(self._path) as temporary:
                torch.save(state | {"epoch": epoch, "binding": self._binding}, temporary)
                seal(temporary, self._binding)
        # Where the disk is full, torch raises the latter.
        except (OSError, RuntimeError) as exc:
            reason = (exc.strerror if isinstance(exc, OSError) else None) or (
                "the disk may be full"
            )
            before = " The state after the epoch before is still there." if epoch > 1 else ""
            raise PipelineError(
                f"The state of the training cannot be written to {str(self._path)!r} ({reason}); "
                f"make room and call the same command again.{before}"
            ) from exc

    def forget(self) -> None:
        """Remove the file of a run that is through."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        if self._path is None or not self._path.exists():
            return None
        try:
            if not is_sealed(self._path, self._binding):
                return None
            # On the CPU: another process has another GPU.
            stored: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
            return stored if stored["binding"] == self._binding else None
        except Exception:  # Damaged or foreign: torch raises all kinds; start anew.
            return None
