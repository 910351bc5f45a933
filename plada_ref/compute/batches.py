"""Decoded batches from worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, default_collate

from ..errors import PipelineError
from ..images import ImageSet
from .workers import default_workers

FEW = 512
"""Images that are decoded sooner than worker processes have started."""


class PreparedImages(Dataset[torch.Tensor]):
    """Each image of a set as a tensor.

    Args:
        images: the set.
        preparation: makes a tensor of an image, such as `plada_ref.models.preparation.Preparation`.
    """

    def __init__(
        self, images: ImageSet, preparation: Callable[[Image.Image], torch.Tensor]
    ) -> None:
        self.images = images
        self.preparation = preparation

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.preparation(self.images.open_image(index))


def loaded(
    dataset: Dataset[Any],
    batches: Sequence[Sequence[int]],
    *,
    workers: int | None = None,
    pin: bool = False,
) -> Iterator[Any]:
    """Yield the items of each batch, stacked, in order.

    Args:
        batches: item numbers of every batch.
        workers: processes that decode; chosen when None, and 0 decodes here. Each is up to two
            batches ahead.
        pin: put batches into page-locked memory, from which a GPU copies while it computes.

    Raises:
        PipelineError: the error of an item, with its own type and words.
    """
    if workers is None:
        workers = default_workers(reserved=1) if sum(map(len, batches)) > FEW else 0
    loader = DataLoader(
        _Guarded(dataset),
        batch_sampler=batches,  # type: ignore[arg-type]  # Any iterable with a length will do.
        num_workers=workers,
        collate_fn=_unchanged,
        pin_memory=pin,
    )
    for batch in loader:
        if isinstance(batch, PipelineError):
            raise batch
        yield batch


def in_order(count: int, size: int) -> list[range]:
    """0..count-1 cut into batches of `size`."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


class _Guarded(Dataset[Any]):
    """Hands errors over as values: DataLoader would bury the sentence under a traceback."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __getitems__(self, indices: list[int]) -> Any:
        try:
            return default_collate([self.dataset[index] for index in indices])
        except PipelineError as exc:
            return exc


def _unchanged(batch: Any) -> Any:
    return batch
