"""A payload and a pool as a dataset, in the conventions of torchvision's datasets."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset

from pladafmt import Codes, Mismatch, Payload, load

from ..compute.context import Compute
from ..images import ImagePool
from .dataset import LabelledImages
from .usable import UsablePart


class PseudoLabels(Dataset[Any]):
    """The images that a payload keeps, with their pseudo-labels: (image, label) each.

    Each image is verified against the pool's manifest when it is read, in the process that reads
    it; any number of a DataLoader's workers may.

    Args:
        payload: a `pladafmt.Payload`, or the path of a `.plada` file.
        pool: this client's pool, such as `plada_ref.open_pool` gives.
        transform: makes of an RGB `PIL.Image.Image` what the item holds; the image itself when
            None.
        target_transform: makes of the class number, an int, what the item holds.
        codes: of the pool's images, for a payload's file that keeps images by a rule; those beside
            the pool's manifest when None, as `plada_ref.open_pool` finds them.
        with_weights: items are (image, label, weight); the weight is 1.0 where the payload has
            none.
        skip_missing: only of the kept images that the pool's sources hold, for a client that has a
            part of the pool.

    Attributes:
        payload: the payload.
        classes: class names in label order; ``0`` to ``C-1`` where the payload names none.
        class_to_idx: class number by name.
        targets: class number of each item, a list of n.
        weights: weight of each item, float64 of shape (n,).

    Raises:
        pladafmt.PladaError: if the file is not a valid payload, or the payload was made for another
            pool or other codes (`pladafmt.Mismatch`).
        PipelineError: if the payload keeps no image or the pool cannot be read; when an item is
            read, if its image has changed, is missing or does not decode.
    """

    def __init__(
        self,
        payload: Payload | str | os.PathLike[str],
        pool: ImagePool,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        *,
        codes: Codes | None = None,
        with_weights: bool = False,
        skip_missing: bool = False,
    ) -> None:
        self.payload = payload if isinstance(payload, Payload) else _read(payload, pool, codes)
        self.target_transform = target_transform
        self.with_weights = with_weights
        usable = UsablePart(LabelledImages.of_payload(self.payload, pool), pool, Compute())
        if skip_missing:
            usable.leave_out_missing()
        self._data = usable.data
        self._data.transform = transform
        self.classes = list(self.payload.class_names)
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self.targets: list[int] = self._data.labels.tolist()
        self.weights = self._data.weights

    @property
    def transform(self) -> Callable[[Any], Any] | None:
        """What makes an item's first part of an image."""
        return self._data.transform

    @transform.setter
    def transform(self, transform: Callable[[Any], Any] | None) -> None:
        self._data.transform = transform

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        image, label, weight = self._data[index]
        target = label if self.target_transform is None else self.target_transform(label)
        return (image, target, weight) if self.with_weights else (image, target)

    def __repr__(self) -> str:
        return (
            f"PseudoLabels({len(self):,} images of a pool of {self.payload.pool.size:,}, "
            f"{len(self.classes):,} classes)"
        )


def _read(path: str | os.PathLike[str], pool: ImagePool, codes: Codes | None) -> Payload:
    try:
        return load(path, codes=codes)
    except Mismatch as exc:
        # A pool of another kind need not know codes.
        beside = getattr(pool, "codes", None) if codes is None else None
        if exc.code != "codes-mismatch" or beside is None:
            raise
    return load(path, codes=beside)
