"""Decoded batches from worker processes."""

from __future__ import annotations

import math
import os
import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, default_collate, get_worker_info

from pladafmt import PladaError

from ..errors import Misuse, PipelineError
from ..images import ImageSet, called
from .workers import default_decoders

FEW = 512
"""Images that are decoded sooner than worker processes have started."""

SHARED_MEMORY = "/dev/shm"

ROOM = 1 << 20
"""Free bytes of shared memory for each image that processes are ahead, above which batches are
handed over in it: those of an image of 512 px, and a little. Containers often have 64 MB; there
batches go through pipes, which takes a copy more."""

_AHEAD = 2
"""Batches that each process is ahead."""

_CPU = torch.device("cpu")


class Preparing(Protocol):
    """Makes tensors of one shape of images: `plada_ref.models.preparation.Preparation`."""

    @property
    def channels(self) -> int:
        """Of every tensor."""
        ...

    @property
    def stored_size(self) -> int:
        """Height and width of every tensor."""
        ...

    def __call__(self, image: Image.Image, /) -> torch.Tensor:
        """Return an image as uint8 of shape (channels, stored_size, stored_size)."""
        ...


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

    def called(self, index: int) -> str:
        """What a sentence calls an image."""
        return called(self.images, index)


class ReadableImages(Dataset[tuple[torch.Tensor, int]]):
    """Each image as `PreparedImages` has it, and 1; one that cannot be read as zeros, and 0.

    So a batch is of the same size whether its images can be read or not, and the others come out of
    a model bit for bit as they would in any company.

    Args:
        images: the set.
        preparation: makes a tensor of an image.
        skipped: the error that says that an image cannot be read; a `Misuse` stays one.
    """

    def __init__(
        self, images: ImageSet, preparation: Preparing, skipped: type[PipelineError]
    ) -> None:
        self.images = images
        self.preparation = preparation
        self.skipped = skipped

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        try:
            return self.preparation(self.images.open_image(index)), 1
        except Misuse:
            raise
        except self.skipped:
            size = self.preparation.stored_size
            return torch.zeros(self.preparation.channels, size, size, dtype=torch.uint8), 0

    def called(self, index: int) -> str:
        """What a sentence calls an image."""
        return called(self.images, index)


def loaded(
    dataset: Dataset[Any],
    batches: Sequence[Sequence[int]],
    *,
    workers: int | None = None,
    device: torch.device = _CPU,
) -> Iterator[Any]:
    """Yield the items of each batch, stacked, in order.

    Args:
        dataset: its items are stacked by `default_collate`, or by a method ``collate`` of its own,
            which gives a list of tensors.
        batches: item numbers of every batch.
        workers: processes that decode, at most one for each batch; chosen when None, and 0 decodes
            here. Each is up to two batches ahead.
        device: where batches go. From here a GPU copies while it computes, since they are in
            page-locked memory, and it leaves this computer's cores to those that decode.

    Raises:
        PipelineError, pladafmt.PladaError, OSError: the error of an item, with its own type and
            words; any other error as a PipelineError that says what it was.
        PipelineError: if a process that decodes was killed.
    """
    on_gpu = device.type == "cuda"
    if workers is None:
        few = sum(map(len, batches)) <= FEW
        workers = 0 if few else default_decoders(reserved=1, beside_model=not on_gpu)
    workers = min(workers, len(batches))  # Each takes a second to start, and memory.
    ahead = workers * _AHEAD * max(map(len, batches), default=0)
    by_pipe = workers > 0 and _shared_memory() < ROOM * ahead
    loader = DataLoader(
        _Guarded(dataset, by_pipe),
        batch_sampler=batches,  # type: ignore[arg-type]  # Any iterable with a length will do.
        num_workers=workers,
        collate_fn=_unchanged,
        prefetch_factor=_AHEAD if workers else None,
        pin_memory=on_gpu and not by_pipe,
    )
    incoming = iter(loader)
    while True:
        try:
            batch = next(incoming)
        except StopIteration:
            return
        except RuntimeError as exc:
            raise _lost(exc) from exc
        if isinstance(batch, _Failure):
            raise batch.error from (RuntimeError(batch.trace) if batch.trace else None)
        yield _as_tensors(batch) if by_pipe else batch


def in_order(count: int, size: int) -> list[range]:
    """0..count-1 cut into batches of `size`."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _shared_memory() -> float:
    """Free bytes of the shared memory in which worker processes hand over batches."""
    try:
        found = os.statvfs(SHARED_MEMORY)
    except (OSError, AttributeError):
        return math.inf  # Another system, which hands batches over in another way.
    return found.f_bavail * found.f_frsize


def _lost(exc: RuntimeError) -> Exception:
    """What torch means that cannot hand batches over; `exc` itself if it is another error."""
    said = str(exc)
    if "shared memory" in said or "Bus error" in said:
        return PipelineError(
            f"The shared memory of this system ({SHARED_MEMORY}) is full; use smaller batches, or "
            "--workers 0, which needs none."
        )
    if "DataLoader worker" in said and ("killed" in said or "exited" in said):
        return PipelineError(
            "A process that decodes images was killed, most often because memory ran out; use "
            "fewer --workers, or --workers 0."
        )
    return exc


def _travels(exc: Exception) -> bool:
    """Whether an exception survives pickling: else it is lost, and its receiver waits for ever."""
    try:
        pickle.loads(pickle.dumps(exc))
    except Exception:
        return False
    return True


@dataclass(frozen=True)
class _Failure:
    """An error on its way here: DataLoader would bury the sentence under a traceback."""

    error: Exception
    trace: str = ""

    @classmethod
    def of(cls, exc: Exception, what: str) -> _Failure:
        if isinstance(exc, PipelineError | PladaError | OSError):
            travels = get_worker_info() is None or _travels(exc)
            return cls(exc if travels else PipelineError(str(exc)))
        known = _lost(exc) if isinstance(exc, RuntimeError) else exc
        if isinstance(known, PipelineError):
            return cls(known)
        reason = " ".join(f"{type(exc).__name__} {exc}".split())[:300]
        error = PipelineError(
            f"{what} cannot be prepared ({reason}); if that does not explain it, look at the "
            "image, and report it with the command."
        )
        return cls(error, traceback.format_exc())


class _Guarded(Dataset[Any]):
    """Hands errors over as values, and batches by whatever way there is room for.

    Args:
        by_pipe: as arrays, which go through a pipe, in place of tensors, which need shared memory.
    """

    def __init__(self, dataset: Dataset[Any], by_pipe: bool) -> None:
        self.dataset = dataset
        self.by_pipe = by_pipe

    def __getitems__(self, indices: list[int]) -> Any:
        items: list[Any] = []
        try:
            for index in indices:
                items.append(self.dataset[index])
        except Exception as exc:
            return _Failure.of(exc, called(self.dataset, index))
        try:
            collate = getattr(self.dataset, "collate", None)
            if collate is not None:
                stacked = collate(items)
                return [column.numpy() for column in stacked] if self.by_pipe else stacked
            # default_collate itself makes tensors in shared memory, in a worker process.
            return _as_arrays(items) if self.by_pipe else default_collate(items)
        except Exception as exc:
            return _Failure.of(exc, "A batch of images")


def _as_arrays(items: list[Any]) -> Any:
    first = items[0]
    if isinstance(first, list | tuple):
        return [_as_arrays(list(column)) for column in zip(*items, strict=True)]
    if isinstance(first, torch.Tensor):
        return torch.stack(items).numpy()
    return np.array(items, np.float64 if isinstance(first, float) else np.int64)


def _as_tensors(batch: Any) -> Any:
    if isinstance(batch, list):
        return [_as_tensors(column) for column in batch]
    return torch.from_numpy(batch)


def _unchanged(batch: Any) -> Any:
    return batch
