"""Decoders and resamplers that plada could use, by name; those that are installed.

Each makes of the bytes of a JPEG file its central square, uint8 of shape (3, size, size). Only
`PLADA` and `PILLOW_ALONE` check what has to be checked of strangers' files.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torchvision.io import ImageReadMode, decode_jpeg

from plada_ref.images import decode, resampling

from . import pillow_alone

Decoder = Callable[[bytes, int], torch.Tensor]

PLADA = "plada"
PILLOW_ALONE = "Pillow alone"


def decoders() -> dict[str, Decoder]:
    """All of them by name, the rival first.

    Raises:
        SystemExit: if the compiled loops are not there: half of it would measure nothing.
    """
    loops = resampling.compiled()
    if loops is None:
        raise SystemExit("numba is not installed, or its loops do not give this Pillow's bytes.")

    def by_loops(image: Image.Image, size: int) -> torch.Tensor:
        if min(image.size) == size:
            return torch.from_numpy(resampling.central_square(image, size))
        return torch.from_numpy(resampling._by_loops(loops, image, size))

    found: dict[str, Decoder] = {
        PILLOW_ALONE: pillow_alone.square,
        PLADA: lambda data, size: by_loops(_rgb(decode(data)), size),
        "plada without numba": lambda data, size: torch.from_numpy(
            resampling._by_pillow(_rgb(decode(data)), size)
        ),
        "Pillow's draft": lambda data, size: by_loops(_drafted(data, size), size),
        "resampled by torch": lambda data, size: _by_torch(_channels_last(decode(data)), size),
        "torchvision": lambda data, size: _by_torch(
            decode_jpeg(_tensor(data), mode=ImageReadMode.RGB), size
        ),
    }
    if importlib.util.find_spec("simplejpeg") is not None:
        from simplejpeg import decode_jpeg as simple

        def by_simplejpeg(data: bytes, size: int, **options: Any) -> torch.Tensor:
            if options.pop("scaled", False):
                options |= {"min_height": size, "min_width": size, "min_factor": 1}
            return by_loops(Image.fromarray(simple(data, "RGB", **options)), size)

        found["simplejpeg"] = by_simplejpeg
        found["simplejpeg, fast"] = partial(by_simplejpeg, fastdct=True, fastupsample=True)
        found["simplejpeg, scaled"] = partial(by_simplejpeg, scaled=True)
    return found


def _rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _drafted(data: bytes, size: int) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (size, size))
        image.load()
        return _rgb(image)


def _tensor(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _channels_last(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(_rgb(image))).permute(2, 0, 1)


def _by_torch(image: torch.Tensor, size: int) -> torch.Tensor:
    height, width = image.shape[1:]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    square = image[None, :, top : top + side, left : left + side]
    if side != size:
        square = functional.interpolate(square, size=size, mode="bicubic", antialias=True)
    return square[0].contiguous()
