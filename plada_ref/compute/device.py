"""Where a model runs."""

from __future__ import annotations

import torch

from ..errors import Misuse


def find_device(name: str = "auto") -> torch.device:
    """The device called `name`; ``auto`` takes a GPU when torch sees one.

    Raises:
        Misuse: if there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(name)
        # And back: there are devices, such as "meta", that hold no numbers.
        torch.zeros(1, device=chosen).cpu()
    except (RuntimeError, AssertionError) as exc:
        reason = str(exc).strip().splitlines()[0].split(". ")[0]
        raise Misuse(f"--device {name} cannot be used here ({reason}); try cpu.") from exc
    return chosen


USUAL_BATCH = 64

_GPU_BATCHES = (1024, 512, 256, 128)

_PIXELS = 256 * 224**2
"""Of a batch that keeps a large GPU busy."""

_BYTES_PER_PIXEL = 5_000
"""Memory for each pixel of the input, with room to spare: for their largest layers Lite0 takes 200
bytes and ConvNeXt-V2-Tiny 300, and larger networks several times as much."""


def suitable_batch(device: torch.device, img_size: int) -> int:
    """Images per pass for a device where nobody says: 64, and more where a GPU has the memory.

    It depends on the kind of GPU alone, not on what is free: the last bits of a result depend on
    it.

    Args:
        img_size: height and width of a model's input, in pixels.
    """
    if device.type != "cuda" or not torch.cuda.is_available():
        return USUAL_BATCH  # Another computer's GPU, too.
    memory = torch.cuda.get_device_properties(device).total_memory
    most = min(_PIXELS, memory // _BYTES_PER_PIXEL) // img_size**2
    return next((size for size in _GPU_BATCHES if size <= most), USUAL_BATCH)
