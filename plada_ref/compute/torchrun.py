"""Training by several processes that ``torchrun`` has started, as one.

Every process holds the whole model and takes its part of each batch; torch's
DistributedDataParallel averages the gradients. So the batch is the same as with one process, and
so are the gradients, up to rounding, but for what a process draws or normalises over its own part:
augmentation, dropout, and batch statistics on CPUs (on GPUs they are taken over the whole batch).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from .workers import default_decoders

_TIMEOUT = timedelta(days=1)
"""The other processes wait while the first one reads a large pool or writes its state."""


@dataclass(frozen=True)
class Ranks:
    """The processes of one training, and which of them this is.

    Attributes:
        rank: 0 to size - 1.
        size: number of processes; 1 without ``torchrun``.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that prints and writes files."""
        return self.rank == 0

    def part(self, batch: list[int]) -> tuple[list[int], float]:
        """The items of a batch that are for this process, and the factor of their summed loss.

        A batch of fewer than two items for each process is taken whole by all of them: batch norm
        cannot take a single item. The factor makes up for the average that is taken over the
        processes, so that losses divided by the whole batch's weight add up to its mean.
        """
        if len(batch) < 2 * self.size:
            return batch, 1.0
        return batch[self.rank :: self.size], float(self.size)

    def wrap(self, network: nn.Module, device: torch.device, *, frozen_bn: bool) -> nn.Module:
        """`network`, which is on `device`, with gradients averaged over all processes.

        Its weights become those of the first process. Its modules stay reachable as they were.

        Args:
            frozen_bn: batch norm keeps its statistics, so there are none to take together.
        """
        if self.size == 1:
            return network
        if device.type != "cuda":
            return DistributedDataParallel(network)
        if not frozen_bn:
            # timm's own: torch's would lose the activation that timm's batch norms contain.
            from timm.layers import norm_act

            convert: Any = norm_act.convert_sync_batchnorm
            network = convert(network)
        return DistributedDataParallel(network, device_ids=[device])

    def share(self, value: Any, device: torch.device) -> Any:
        """The first process's `value`, in all of them."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0, device=device)
        return box[0]


def ranks() -> Ranks:
    """The processes that this one trains with; itself alone outside of `joined`."""
    if not distributed.is_initialized():
        return Ranks()
    return Ranks(distributed.get_rank(), distributed.get_world_size())


@contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
    """Take part in the training that ``torchrun`` has started; do nothing if it has not.

    Yields:
        This process's own device: each process on a computer takes another GPU.
    """
    if not started_by_torchrun():
        yield device
        return
    # Before there is a group: some of its functions take the group of the moment of their import as
    # a default, so that nothing could end the group's threads. Python is not safe to leave then:
    # a thread that still drops its last piece of work aborts the process.
    import torch._dynamo

    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    gpu = device if device.type == "cuda" else None
    distributed.init_process_group("nccl" if gpu else "gloo", timeout=_TIMEOUT, device_id=gpu)
    # Not after an error: the others may be waiting for this process, and torchrun ends them.
    yield device
    distributed.destroy_process_group()


def started_by_torchrun() -> bool:
    """Whether this is one of several processes of one ``torchrun``."""
    return distributed.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1


def first() -> bool:
    """Whether this is the process that prints and writes; known before `joined`."""
    return not started_by_torchrun() or os.environ["RANK"] == "0"


def decoders(workers: int | None, device: torch.device) -> int | None:
    """Processes that decode for this one, when the computer's cores are shared with others."""
    if workers is not None or not started_by_torchrun():
        return workers
    share = int(os.environ["LOCAL_WORLD_SIZE"])
    return default_decoders(reserved=1, beside_model=device.type == "cpu", share=share)
