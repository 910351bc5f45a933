"""From pixels to the numbers that a network takes: (x / 255 - mean) / std, for each channel.

Written twice: as the expression that it is, and for speed. A batch is far larger than a processor's
caches, so the expression goes through main memory once for each of its operations.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

_PIECE = 600 << 10
"""Bytes of float32 that a core works on at a time; with what is made of them they stay in its
cache. Half, twice and four times as many took the same time, within what a busy machine tells."""


def normalise(x: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """The normalised pixels of a batch; on a CPU, to the last bit those of `expression`.

    Elsewhere one fused multiplication and addition makes them, which rounds once and not three
    times, and nothing waits for the device.

    Args:
        x: shape (B, C, H, W), values 0 to 255 of any type.
        mean, std: of each channel, of values from 0 to 1.

    Returns:
        float32 of the same shape, channels last.
    """
    if x.requires_grad:
        return expression(x, mean, std)
    # One channel, or one pixel, is last in either layout; torch picks other kernels by the strides.
    either = x.shape[1] == 1 or x.shape[2:].numel() == 1
    layout = torch.contiguous_format if either else torch.channels_last
    out = torch.empty(x.shape, dtype=torch.float32, device=x.device, memory_format=layout)
    (_by_pieces if x.device.type == "cpu" else fused)(x, mean, std, out)
    return out


def expression(x: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """The same as one expression, for whatever follows a computation rather than does it.

    Tracers and differentiation do not follow writing to given memory.
    """
    middle = torch.tensor(mean, device=x.device).view(1, -1, 1, 1)
    spread = torch.tensor(std, device=x.device).view(1, -1, 1, 1)
    x = (x.float() / 255).sub_(middle).div_(spread)
    return x.contiguous(memory_format=torch.channels_last)


def fused(x: torch.Tensor, mean: Sequence[float], std: Sequence[float], out: torch.Tensor) -> None:
    """Write the normalised pixels to `out`, in one pass for each channel.

    Numbers of Python reach a GPU with the call; a tensor of them would be a copy, which waits.
    """
    for channel, (middle, spread) in enumerate(zip(mean, std, strict=True)):
        torch.add(
            torch.tensor(-middle / spread),
            x[:, channel],
            alpha=1 / (255 * spread),
            out=out[:, channel],
        )


def _by_pieces(
    x: torch.Tensor, mean: Sequence[float], std: Sequence[float], out: torch.Tensor
) -> None:
    """Write the normalised pixels to `out`, a few images after the other."""
    middle = torch.tensor(mean).view(1, -1, 1, 1)
    spread = torch.tensor(std).view(1, -1, 1, 1)
    one = max(1, 4 * x[:1].numel())
    count = max(1, min(len(x), _PIECE * torch.get_num_threads() // one))
    # In the order of the pixels: three values in a row are too few for a processor's wide units.
    piece = torch.empty((count, *x.shape[1:]))
    for part, into in zip(torch.split(x, count), torch.split(out, count), strict=True):
        values = piece[: len(part)]
        into.copy_(values.copy_(part).div_(255).sub_(middle).div_(spread))
