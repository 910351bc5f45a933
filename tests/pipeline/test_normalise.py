"""Normalised pixels: fast ways and the plain expression."""

from __future__ import annotations

import pytest
import torch

from plada_ref.models.normalise import expression, fused, normalise
from plada_ref.models.preparation import Preparation

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    "shape",
    [
        # One piece; pieces and a rest; an image larger than a piece; one channel; one pixel; none.
        (3, 3, 16, 16), (101, 3, 64, 64), (3, 3, 230, 230), (5, 1, 32, 32), (2, 3, 1, 1),
        (1, 1, 1, 1), (0, 3, 8, 8),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["levels", "floats", "channels last"])
def test_a_cpu_makes_the_bits_of_the_expression(shape: tuple[int, ...], kind: str) -> None:
    chance = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, shape, dtype=torch.uint8, generator=chance)
    if kind == "floats":  # As augmentation leaves them.
        x = torch.rand(shape, generator=chance) * 255
    if kind == "channels last":
        x = x.contiguous(memory_format=torch.channels_last)
    mean, std = MEAN[: shape[1]], STD[: shape[1]]
    before, found, plain = x.clone(), normalise(x, mean, std), expression(x, mean, std)
    assert torch.equal(found, plain) and found.dtype == torch.float32
    assert found.stride() == plain.stride()  # Which kernels torch takes depends on them.
    assert torch.equal(x, before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_other_devices_round_once(dtype: torch.dtype) -> None:
    levels = torch.arange(256, dtype=dtype).view(1, 1, 16, 16).expand(2, 3, 16, 16)
    out = torch.empty(levels.shape, memory_format=torch.channels_last)
    fused(levels, MEAN, STD, out)
    assert (out - expression(levels, MEAN, STD)).abs().max() < 1e-6


def test_a_batch_through_another_size() -> None:
    via = Preparation(48, 8, MEAN, STD)
    stored = torch.randint(0, 256, (7, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(via.batch(stored), via.expression(stored))


def test_pixels_can_be_differentiated_by() -> None:
    x = torch.full((1, 3, 4, 4), 100.0, requires_grad=True)
    normalise(x, MEAN, STD).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert torch.allclose(x.grad[0, :, 0, 0], 1 / (255 * torch.tensor(STD)))
