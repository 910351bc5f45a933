"""Actors that run a model: what they reserve, and what their results depend on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..compute.context import Compute
from ..errors import PipelineError
from . import actors, connection


@dataclass(frozen=True)
class ModelActors:
    """Actors that run a model on the Ray cluster that this process is connected to.

    Attributes:
        count: how many actors; as many as the cluster has room for when None.
        gpus: what an actor reserves of a GPU, when it runs on one.
    """

    count: int | None = None
    gpus: float = 1.0

    def work(
        self, job: actors.Job, chunks: Sequence[range], compute: Compute, *, made: str
    ) -> Iterator[Any]:
        """Yield the job's result for every chunk, in the order in which they are finished.

        Args:
            job: returns `processor` of its device from `start`.
            compute: what each actor computes on, with `workers` processes beside it (none when
                None) and as many threads as torch has here; hears warnings.
            made: the word for the results, for warnings.

        Raises:
            PipelineError: the job's own, or if actor after actor is lost.
            Misuse: if no node has room for an actor.
        """
        device = compute.device
        gpus = self.gpus if device.type == "cuda" else 0.0
        # On a GPU the actor's own threads have next to nothing to do.
        cpus = float((compute.workers or 0) + (1 if gpus else torch.get_num_threads()))
        room = connection.room(cpus=cpus, gpus=gpus)
        seen = set() if device.type == "cuda" else {processor(device)}

        def on_start(kind: str) -> None:
            seen.add(kind)
            if len(seen) > 1:
                compute.progress.warn(
                    f"the processors are not all alike ({', '.join(sorted(seen))}), so the last "
                    f"bits of the {made} depend on which of them had an image"
                )

        reservation = actors.Reservation(self.count or room, cpus, gpus)
        yield from actors.share_out(
            job, chunks, reservation, on_start=on_start, warn=compute.progress.warn
        )


@dataclass(frozen=True)
class Setting:
    """What the last bits of a result depend on, besides the model: it travels with the job.

    `batch_size` has been chosen here, whatever GPUs there are elsewhere.
    """

    device: str
    workers: int
    batch_size: int
    bfloat16: bool
    decoder: str
    threads: int
    torch_version: str

    @classmethod
    def here(cls, compute: Compute) -> Setting:
        """The setting of this process, which has chosen a batch size."""
        assert compute.batch_size is not None
        return cls(
            compute.device.type,
            compute.workers or 0,
            compute.batch_size,
            compute.passes_in_bfloat16,
            compute.decoder,
            torch.get_num_threads(),
            torch.__version__,
        )

    def enter(self) -> Compute:
        """Compute in this setting from now on.

        Raises:
            PipelineError: if this computer has another version of torch.
        """
        if torch.__version__ != self.torch_version:
            raise PipelineError(
                f"A node has torch {torch.__version__}, this computer {self.torch_version}; "
                "install the same version on every node, or the results differ."
            )
        torch.set_num_threads(self.threads)
        device = torch.device(self.device)
        return Compute(
            device,
            self.workers,
            self.batch_size,
            bfloat16=self.bfloat16,
            decoder=self.decoder,
        )


def processor(device: torch.device) -> str:
    """The kind of processor, on which the last bits of a result depend."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability()
