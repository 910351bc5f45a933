"""All weights of a trained student, eight bits each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from ..models.checkpoint import Checkpoint
from ..models.spec import rebuild
from .baseline import Baseline
from .frames import Reader, compress
from .quantise import Rows, Values, half, quantise

BITS = 8


def encode_weights(network: nn.Module) -> bytes:
    """Weights and statistics in the order of the network's state, without their names.

    Tensors of two and more dimensions: INT8 with one scale per output channel (first dimension);
    all others: float16. Whole numbers, such as the batches that a norm has counted, are left out:
    the network's answers do not depend on them. Who receives them has the network's code.

    Raises:
        PipelineError: if a weight is not finite, or too large for float16.
    """
    rows: list[bytes] = []
    rest: list[bytes] = []
    for value in _weights(network):
        array = value.detach().cpu().float().numpy()
        if array.ndim >= 2:
            rows += quantise(array.reshape(len(array), -1), BITS).parts()
        else:
            rest.append(half(array).astype("<f2").tobytes())
    return compress(rows + rest)


def decode_weights(data: bytes, network: nn.Module) -> None:
    """Give `network` the weights that `encode_weights` wrote of another of its kind.

    Raises:
        PipelineError: if `data` is something else; `network` is unchanged then.
    """
    reader = Reader(data, what="set of INT8 weights of this model")
    found: list[tuple[torch.Tensor, Values]] = []
    for value in (value for value in _weights(network) if value.ndim >= 2):
        width = value.numel() // len(value) if len(value) else 0
        found.append((value, Rows.read(reader, len(value), width).values))
    for value in (value for value in _weights(network) if value.ndim < 2):
        found.append((value, reader.array("<f2", value.numel()).astype(np.float32)))
    reader.finish()
    with torch.no_grad():
        for value, array in found:
            value.copy_(torch.from_numpy(array).view(value.shape))


def int8_student(student: Checkpoint, *, accuracy: Callable[[Checkpoint], float]) -> Baseline:
    """Send a whole student with INT8 weights (``int8-student``).

    Args:
        student: trained on the target's own images.
        accuracy: tests a model on the test images.

    Raises:
        PipelineError: if a weight cannot be written.
    """
    data = encode_weights(student.network)
    network = rebuild(student.model, student.class_count, student.preparation.img_size).eval()
    decode_weights(data, network)
    received = Checkpoint(
        student.model, student.classes, student.preparation, network, student.facts
    )
    return Baseline(
        name="INT8 student",
        key="int8-student",
        bytes=len(data),
        accuracy=accuracy(received),
        details={"model": student.model, "weights": sum(v.numel() for v in _weights(network))},
    )


def _weights(network: nn.Module) -> Iterator[torch.Tensor]:
    for value in network.state_dict().values():
        if value.is_floating_point():
            yield value
