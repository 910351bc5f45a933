"""Batches of an image set as a model stores them, on its device, whoever decodes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ..compute.batches import ReadableImages
from ..compute.context import Compute
from ..compute.feed import fed
from ..errors import PipelineError
from ..images import FileSet, ImageRows, ImageSet
from .on_device import DeviceDecoder, Packed, PackedFiles
from .preparation import Preparation


def image_batches(
    images: ImageSet,
    preparation: Preparation,
    batches: Sequence[Sequence[int]],
    compute: Compute,
    *,
    skipped: type[PipelineError],
) -> Iterator[list[torch.Tensor]]:
    """Yield (pixels, readable) of each batch: what `preparation` stores, on the device; 1 or 0.

    Args:
        batches: numbers of images, of every batch.
        skipped: the error that says that an image cannot be read; its pixels are zeros.

    Raises:
        PipelineError: as reading an image does, but for `skipped`.
    """
    if compute.decoder != "cpu" and isinstance(images, ImageRows):
        rows = images.rows
        images, batches = images.images, [rows[list(batch)].tolist() for batch in batches]
    # Images without files, such as arrays, are there already.
    if compute.decoder == "cpu" or not isinstance(images, FileSet):
        yield from fed(ReadableImages(images, preparation, skipped), batches, compute)
        return
    files = PackedFiles(images, preparation, skipped)
    decode = DeviceDecoder(files, preparation, compute.device)
    yield from fed(files, batches, compute, arrive=lambda columns: decode(Packed(*columns)))
