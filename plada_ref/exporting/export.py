"""Write a trained model in a format of other programs, once it agrees with the original."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from pladafmt.files import replacing

from ..compute.batches import PreparedImages, loaded
from ..compute.context import Compute
from ..errors import Misuse, PipelineError, one_line
from ..images import ImageSet
from ..models.checkpoint import Checkpoint
from ..models.limits import bounded_batch
from ..models.spec import check_input
from .agreement import Agreement, compare
from .formats import choose
from .pixels import PixelsToLogits, describe, example
from .sample import photographs

_BATCH = 32


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        format: its name, such as ``"onnx"``.
        size: of the file, in bytes.
        agreement: how it was found to agree with the original.
    """

    format: str
    size: int
    agreement: Agreement


def export(
    model: Checkpoint,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    images: ImageSet | None = None,
    compute: Compute | None = None,
) -> Exported:
    """Write a model as one file that takes pixels and gives logits, for any size of batch.

    The file is run again before it gets its name, and compared with the original on real images. It
    holds its classes and how its input is made (docs/students.md).

    Args:
        format: ``"onnx"`` or ``"pt2"``, torch.export; by the suffix of `path` when None.
        images: what they are compared on; pieces of two photographs when None.
        compute: what decodes the images, and hears of progress; the models run on the CPU.

    Raises:
        Misuse: if there is no such format, a package is missing, or there are no images.
        PipelineError: if torch cannot export the model, the exported model does not agree, or an
            image cannot be read.
        OSError: if the file cannot be written.
    """
    target, compute = Path(path), compute or Compute()
    form = choose(target, format)
    images = photographs() if images is None else images
    if not len(images):
        raise Misuse("There is no image to compare the exported model with its original on.")
    check_input(model.network, model.model, model.preparation, torch.device("cpu"))
    module = PixelsToLogits(model)
    what = f"The {form.title} file of {model.model!r}"
    try:
        data = form.write(module, example(model), describe(model))
    except Exception as exc:  # The exporters raise all kinds.
        raise PipelineError(
            f"torch {torch.__version__} cannot export {model.model!r} to {form.title} "
            f"({one_line(exc)[:300]}); try the other format, or another version of torch."
        ) from exc
    with replacing(target) as temporary:
        temporary.write_bytes(data)
        try:
            run = form.load(temporary)
        except Exception as exc:  # So do the programs that run them.
            raise PipelineError(f"{what} cannot be run ({one_line(exc)[:300]}).") from exc
        agreement = compare(module, run, _batches(model, images, compute))
        agreement.insist(what)
    return Exported(form.name, len(data), agreement)


def _batches(model: Checkpoint, images: ImageSet, compute: Compute) -> Iterator[torch.Tensor]:
    """The images as pixels: one alone, then batches, for the size of a batch must not matter."""
    size = bounded_batch(_BATCH, model.preparation.img_size)
    rest = range(1, len(images))
    batches = [range(1), *(rest[start : start + size] for start in range(0, len(rest), size))]
    dataset = PreparedImages(images, model.preparation)
    with compute.progress.track("Comparing", len(images)) as advance:
        for pixels in loaded(dataset, batches, workers=compute.workers):
            yield pixels
            advance(len(pixels))
