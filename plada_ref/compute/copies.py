"""Copies between this process and a device, for which neither waits for the other's work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

T = TypeVar("T")


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The same tensor on `device`, which copies it when it has done what it was given before."""
    if device.type != "cuda":
        return tensor.to(device)
    # From other than page-locked memory this process would wait for all of that.
    return tensor.pin_memory().to(device, non_blocking=True)


@contextmanager
def lent(network: nn.Module, device: torch.device) -> Iterator[nn.Module]:
    """Yield a network on `device`, in evaluation mode; it is where it was when the block ends.

    Whoever has given it away to be used goes on with it on their own device.
    """
    at = next(network.parameters(), torch.empty(0)).device
    try:
        yield network.to(device).eval()
    finally:
        network.to(at)


class Coming:
    """A tensor that comes here when its device has computed it.

    Args:
        tensor: on any device.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        self._here = tensor.to("cpu", non_blocking=tensor.is_cuda)
        self._copied: torch.cuda.Event | None = None
        if tensor.is_cuda:
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record(torch.cuda.current_stream(tensor.device))

    def get(self) -> torch.Tensor:
        """The tensor in this process's memory, after waiting for it."""
        if self._copied is not None:
            self._copied.synchronize()
        return self._here


def awaited(results: Iterable[T], device: torch.device) -> Iterator[T]:
    """Yield each result when what follows it has been given to a GPU, which so always has work.

    Elsewhere results are there when they come.

    Args:
        results: hold what is `Coming` from `device`.
    """
    under_way: deque[T] = deque()
    most = 1 if device.type == "cuda" else 0
    for result in results:
        under_way.append(result)
        if len(under_way) > most:
            yield under_way.popleft()
    yield from under_way
