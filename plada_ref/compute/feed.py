"""Batches of images on the device that a model runs on, each ready before it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from .batches import loaded
from .context import Compute

PART = 64
"""Images that a process decodes at a time for a GPU, whose batches are larger: so all processes are
busy to the end."""


def fed(
    dataset: Dataset[Any],
    batches: Sequence[Sequence[int]],
    compute: Compute,
    *,
    arrive: Callable[[list[torch.Tensor]], list[torch.Tensor]] | None = None,
) -> Iterator[list[torch.Tensor]]:
    """Yield the columns of each batch in order; the first one, the pixels, is on the device.

    Args:
        dataset: items are tensors, or tuples that begin with one.
        batches: item numbers of every batch.
        arrive: makes the columns of what was loaded, the first of them on the device; when None,
            the first one is copied there.

    Raises:
        PipelineError, pladafmt.PladaError, OSError: as `loaded` does.
    """
    device = compute.device
    parts = [_parts(batch, device) for batch in batches]
    flat = [part for batch in parts for part in batch]
    incoming = loaded(dataset, flat, workers=compute.workers, device=device)
    for batch in parts:
        columns: list[list[torch.Tensor]] = []
        for _ in batch:
            part = next(incoming)
            part = part if isinstance(part, list) else [part]
            columns.append(arrive(part) if arrive is not None else _copied(part, device))
        yield [_joined(column) for column in zip(*columns, strict=True)]


def _copied(columns: list[torch.Tensor], device: torch.device) -> list[torch.Tensor]:
    first, *others = columns
    return [first.to(device, non_blocking=True), *others]


def _parts(batch: Sequence[int], device: torch.device) -> list[Sequence[int]]:
    if device.type != "cuda":
        return [batch]
    return [batch[start : start + PART] for start in range(0, len(batch), PART)]


def _joined(pieces: Sequence[torch.Tensor]) -> torch.Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))
