"""Features of a frozen backbone: computed once, shared by every head that is fitted on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ..compute.batches import PreparedImages, in_order, loaded
from ..images import ImageRows, ImageSet
from ..models.preparation import Preparation
from ..models.spec import backbone_digest, features
from ..output import Output
from .head import Features

STORED = 1024
"""Images whose features are stored at a time: what an interrupted run computes again at most."""


def extract(
    network: nn.Module,
    images: ImageSet,
    preparation: Preparation,
    *,
    flip: bool,
    batch_size: int,
    device: torch.device,
    workers: int | None,
    output: Output,
) -> Features:
    """The features of all images of a set, or of their mirror images, shape (n, D), float16."""
    batches = _batches(
        network,
        images,
        preparation,
        flip=flip,
        batch_size=batch_size,
        device=device,
        workers=workers,
        output=output,
    )
    return np.concatenate(list(batches))


def _batches(
    network: nn.Module,
    images: ImageSet,
    preparation: Preparation,
    *,
    flip: bool,
    batch_size: int,
    device: torch.device,
    workers: int | None,
    output: Output,
) -> Iterator[Features]:
    """The features of all images of a set in order, a batch at a time."""
    network = network.to(device).eval()
    dataset = PreparedImages(images, preparation)
    what = "Features of mirror images" if flip else "Features"
    with output.track(what, len(images)) as advance, torch.inference_mode():
        for pixels in loaded(dataset, in_order(len(images), batch_size), workers=workers):
            x = preparation.batch(pixels.to(device))
            if flip:
                x = x.flip(-1)
            yield features(network, x).to("cpu", torch.float16).numpy()
            advance(len(pixels))


class FeatureCache:
    """Features of one pool on disk, so that six students need one pass through the backbone.

    Features are kept per backbone, image preparation and view, in sparse files of N rows; rows
    are filled as they are asked for. They stand for images that were verified when they were
    computed.

    Args:
        folder: made when needed; may be removed at any time.
        name: what tells the image set from others, such as the pool id in hex.
        size: number of images N in the set.
    """

    def __init__(self, folder: Path, *, name: str, size: int) -> None:
        self.folder = folder
        self.name = name
        self.size = size

    def view(self, network: nn.Module, preparation: Preparation, *, flip: bool) -> CachedView:
        """The cached features of one backbone and view."""
        model: Any = network
        width = int(getattr(model, "head_hidden_size", 0) or model.num_features)
        about = {
            "layout": 1,
            "images": self.name,
            "size": self.size,
            "backbone": backbone_digest(network),
            "preparation": asdict(preparation),
            "flip": flip,
            "width": width,
        }
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
        return CachedView(self.folder / key, self.size, width)


class CachedView:
    """N rows of features, each there or not."""

    def __init__(self, path: Path, size: int, width: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._values = _open_sparse(path.with_suffix(".f16"), np.dtype(np.float16), (size, width))
        self._there = _open_sparse(path.with_suffix(".there"), np.dtype(np.uint8), (size,))

    def missing(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those of `rows` that are not there, each once, ascending."""
        return np.unique(rows[self._there[rows] == 0])

    def put(self, rows: npt.NDArray[np.int64], values: Features) -> None:
        """Store features, shape (len(rows), D)."""
        self._values[rows] = values
        self._values.flush()
        # After the values: a row that counts as there is there, whenever the run is killed.
        self._there[rows] = 1
        self._there.flush()

    def all(self) -> Features:
        """The features of all N rows, as a memory map; those that are not there are zeros."""
        return self._values

    def get(self, rows: npt.NDArray[np.int64]) -> Features:
        """The features of `rows`, all of which are there."""
        return np.asarray(self._values[rows])


def _open_sparse(path: Path, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> np.memmap:
    length = dtype.itemsize * int(np.prod(shape))
    with open(path, "ab") as file:
        file.truncate(length)  # New bytes are zero and take no room on the disk.
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def features_of(
    network: nn.Module,
    images: ImageSet,
    rows: npt.NDArray[np.int64],
    preparation: Preparation,
    *,
    flip: bool,
    cache: FeatureCache | None,
    batch_size: int,
    device: torch.device,
    workers: int | None,
    output: Output,
) -> Features:
    """The features of some images of a set, shape (len(rows), D); from the cache where it can be.

    Args:
        rows: numbers of images in `images`.
        cache: of this very set.
    """
    if cache is not None:
        view = cache.view(network, preparation, flip=flip)
        fill(
            view,
            network,
            images,
            rows,
            preparation,
            flip=flip,
            batch_size=batch_size,
            device=device,
            workers=workers,
            output=output,
        )
        return view.get(rows)
    return extract(
        network,
        ImageRows(images, rows),
        preparation,
        flip=flip,
        batch_size=batch_size,
        device=device,
        workers=workers,
        output=output,
    )


def fill(
    view: CachedView,
    network: nn.Module,
    images: ImageSet,
    rows: npt.NDArray[np.int64],
    preparation: Preparation,
    *,
    flip: bool,
    batch_size: int,
    device: torch.device,
    workers: int | None,
    output: Output,
) -> None:
    """Compute those of `rows` that `view` lacks; an interrupted call is taken up by the next."""
    missing = view.missing(rows)
    if not len(missing):
        return
    waiting: list[Features] = []
    done = 0
    for batch in _batches(
        network,
        ImageRows(images, missing),
        preparation,
        flip=flip,
        batch_size=batch_size,
        device=device,
        workers=workers,
        output=output,
    ):
        waiting.append(batch)
        count = sum(map(len, waiting))
        if count >= STORED or done + count == len(missing):
            view.put(missing[done : done + count], np.concatenate(waiting))
            done += count
            waiting.clear()
