"""What a trained model says about images: logits in batches, and the class of each image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from ..compute.batches import PreparedImages, in_order
from ..compute.context import Compute
from ..compute.copies import lent
from ..compute.feed import fed
from ..compute.precision import autocast
from ..images import ImageSet
from ..models.checkpoint import Checkpoint
from ..models.limits import batch_of
from ..models.spec import check_input


def predict(
    model: Checkpoint, images: ImageSet, *, compute: Compute | None = None
) -> npt.NDArray[np.int64]:
    """The model's class number for each image of a set, shape (n,).

    Raises:
        PipelineError: if an image cannot be read.
    """
    dataset = PreparedImages(images, model.preparation)
    passes = run(model, dataset, len(images), compute or Compute(), doing="Evaluating")
    # On the device until all are there: it would be waited for each of them.
    return torch.cat([logits.argmax(dim=1) for _, logits in passes]).cpu().numpy()


def run(
    model: Checkpoint, dataset: Dataset[Any], count: int, compute: Compute, *, doing: str
) -> Iterator[tuple[list[torch.Tensor], torch.Tensor]]:
    """Yield what a dataset holds in batches, in order, each with the model's logits.

    Args:
        dataset: items are stored pixels, see `Preparation`, or tuples that begin with them.
        count: its number of items.
        doing: what is going on, for the progress.

    Yields:
        The columns of the batch, the pixels first, and float32 logits of shape (B, C). Pixels and
        logits are on the device of `compute`.

    Raises:
        PipelineError: if an image cannot be read, or is too small for the model.
    """
    check_input(model.network, model.model, model.preparation, compute.device)
    batches = in_order(count, batch_of(compute, model.preparation.img_size))
    with (
        lent(model.network, compute.device) as network,
        compute.progress.track(doing, count) as advance,
    ):
        for columns in fed(dataset, batches, compute):
            x = model.preparation.batch(columns[0])
            with torch.inference_mode(), autocast(compute.device, compute.passes_in_bfloat16):
                logits = network(x).float()
            yield columns, logits
            advance(len(x))
