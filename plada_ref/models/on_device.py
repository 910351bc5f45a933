"""JPEG files that the device decodes and resamples, where it has an engine for them.

Processes read and verify; they decode only what the device is not given. Pixels differ a little
from those of `plada_ref.images.decode`, by rounding and by how colours are interpolated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from ..compute.batches import ReadableImages
from ..compute.copies import sent
from ..errors import Misuse, PipelineError
from ..images import FileSet, called, is_plain_jpeg
from .preparation import Preparation

_CORNER = 8
"""Pixels of the last block, in height and width."""


class Packed(NamedTuple):
    """A batch of images behind one another.

    Attributes:
        data: files and pixels, uint8 of shape (bytes,).
        lengths: bytes of each image, int64 of shape (B,).
        kinds: `UNREADABLE`, `PIXELS` or `FILE`, int64 of shape (B,).
        numbers: of the images in their set, int64 of shape (B,).
    """

    data: torch.Tensor
    lengths: torch.Tensor
    kinds: torch.Tensor
    numbers: torch.Tensor


UNREADABLE, PIXELS, FILE = 0, 1, 2

_REACH = 2.0
"""Pixels on either side that a weight reaches, unless the image is made smaller."""


class PackedFiles(Dataset[tuple[torch.Tensor, int, int]]):
    """Each image as the bytes of its JPEG file, or as `ReadableImages` has it.

    Args:
        images: the set.
        preparation: makes pixels of the files that are not for the device.
        skipped: as for `ReadableImages`.
    """

    def __init__(
        self, images: FileSet, preparation: Preparation, skipped: type[PipelineError]
    ) -> None:
        self.images = images
        self.decoded = ReadableImages(images, preparation, skipped)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, int]:
        data = self.images.read(index)
        if is_plain_jpeg(data):
            return torch.frombuffer(bytearray(data), dtype=torch.uint8), FILE, index
        pixels, readable = self.decoded[index]
        return pixels.flatten(), PIXELS if readable else UNREADABLE, index

    def called(self, index: int) -> str:
        """What a sentence calls an image."""
        return called(self.images, index)

    @staticmethod
    def collate(items: Sequence[tuple[torch.Tensor, int, int]]) -> list[torch.Tensor]:
        """The items as the fields of `Packed`."""
        data, kinds, numbers = zip(*items, strict=True)
        lengths = torch.tensor([len(each) for each in data])
        return [*Packed(torch.cat(data), lengths, torch.tensor(kinds), torch.tensor(numbers))]


class DeviceDecoder:
    """Makes stored pixels of packed images on a device.

    Args:
        files: what the images are of; decodes what the device cannot.
        preparation: how they are cropped and resampled.
        device: any that torchvision decodes on: a GPU, or the CPU.
    """

    def __init__(self, files: PackedFiles, preparation: Preparation, device: torch.device) -> None:
        self.files = files
        self._preparation = preparation
        self._device = device
        # Of its own, so that it decodes while the model runs.
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def __call__(self, packed: Packed) -> list[torch.Tensor]:
        """(pixels, readable): uint8 of shape (B, channels, stored, stored) on the device; 1 or 0.

        Raises:
            PipelineError: if an image that the device cannot decode has changed meanwhile.
        """
        if self._stream is None:
            return self._decoded(packed)
        with torch.cuda.stream(self._stream):
            pixels, readable = self._decoded(packed)
        here = torch.cuda.current_stream(self._device)
        here.wait_stream(self._stream)
        pixels.record_stream(here)
        return [pixels, readable]

    def _decoded(self, packed: Packed) -> list[torch.Tensor]:
        size, channels = self._preparation.stored_size, self._preparation.channels
        pieces = torch.split(packed.data, packed.lengths.tolist())
        stored = torch.zeros(len(pieces), channels, size, size, dtype=torch.uint8)
        readable = torch.ones(len(pieces), dtype=torch.int64)
        kinds, numbers = packed.kinds.tolist(), packed.numbers.tolist()
        files = [row for row, kind in enumerate(kinds) if kind == FILE]
        images = dict(zip(files, _whole([pieces[row] for row in files], self._device), strict=True))
        for row, kind in enumerate(kinds):
            if kind != FILE:
                stored[row] = pieces[row].view(channels, size, size)
                readable[row] = int(kind == PIXELS)
            elif images[row] is None:
                stored[row], readable[row] = self.files.decoded[numbers[row]]
        pixels = stored.to(self._device)
        _fill(pixels, images, self._preparation)
        return [pixels, readable]


def _decode(files: list[torch.Tensor], device: torch.device) -> list[torch.Tensor | None]:
    """Images of shape (3, height, width), uint8; None for what the device cannot decode."""
    from torchvision.io import ImageReadMode, decode_jpeg

    if not files:
        return []
    try:
        return list(decode_jpeg(files, ImageReadMode.RGB, device))
    except RuntimeError as exc:
        if "not compiled" in str(exc):
            raise Misuse(
                "--decoder gpu: this torchvision was built without nvJPEG; install one for CUDA, "
                "or leave the option out."
            ) from exc
        if len(files) == 1:
            return [None]
        # None of them is returned if one cannot be decoded.
        return [image for file in files for image in _decode([file], device)]


def _whole(files: list[torch.Tensor], device: torch.device) -> list[torch.Tensor | None]:
    """As `_decode`, without images of which nothing can be seen in the last block.

    Where data is missing before a file's end marker, a decoder fills the rest with one colour. Of
    a whole image it may be one colour as well: `plada_ref.images.decode` tells them apart.
    """
    images = _decode(files, device)
    corners = [_corner(image) for image in images if image is not None]
    # Together: for each of them the device would be waited for.
    varied = iter(torch.stack(corners).tolist() if corners else [])
    return [image if image is not None and next(varied) else None for image in images]


def _corner(image: torch.Tensor) -> torch.Tensor:
    corner = image[:, -_CORNER:, -_CORNER:]
    return (corner != corner[:, :1, :1]).any()


def _fill(
    pixels: torch.Tensor, images: Mapping[int, torch.Tensor | None], preparation: Preparation
) -> None:
    """Write the images that there are to their rows of `pixels`, those of one shape together."""
    alike: dict[torch.Size, list[tuple[int, torch.Tensor]]] = defaultdict(list)
    for row, image in images.items():
        if image is not None:
            alike[image.shape].append((row, image))
    for group in alike.values():
        where = sent(torch.tensor([row for row, _ in group]), pixels.device)
        pixels[where] = resampled(torch.stack([image for _, image in group]), preparation)


def resampled(images: torch.Tensor, preparation: Preparation) -> torch.Tensor:
    """What `preparation` stores of RGB images, uint8 of shape (n, 3, height, width).

    The steps are Pillow's: weights of the same filter, across and then down, each rounded to a
    level. Sums are of float32, so a few pixels differ by one level.
    """
    if preparation.grey or preparation.channels == 1:
        red, green, blue = images.to(torch.int32).unbind(1)
        grey = (19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16
        images = grey.to(torch.uint8)[:, None]
    height, width = images.shape[-2:]
    side, size, device = min(height, width), preparation.stored_size, images.device
    if (height, width) != (size, size):
        across = _weights(width, (width - side) // 2, side, size, device)
        down = _weights(height, (height - side) // 2, side, size, device)
        narrow = _levels(images.float() @ across.T)
        images = _levels(down @ narrow).to(torch.uint8)
    return images.expand(-1, preparation.channels, -1, -1)


def _levels(x: torch.Tensor) -> torch.Tensor:
    return x.add_(0.5).floor_().clamp_(0, 255)


@lru_cache(maxsize=128)
def _weights(length: int, start: int, side: int, size: int, device: torch.device) -> torch.Tensor:
    """What each pixel of a line counts in each that a part of it becomes: bicubic, antialiased.

    As in Pillow, pixels around the part count where a weight reaches them.

    Args:
        length: pixels of the line.
        start: where the part begins.
        side: pixels of the part.
        size: what it becomes.

    Returns:
        float32 of shape (size, length).
    """
    scale = side / size
    stretch = max(scale, 1.0)
    centre = start + (np.arange(size)[:, None] + 0.5) * scale
    pixel = np.arange(length)
    first = np.maximum((centre - _REACH * stretch + 0.5).astype(np.int64), 0)
    last = (centre + _REACH * stretch + 0.5).astype(np.int64)
    x = np.abs(pixel - centre + 0.5) / stretch
    near, far = (1.5 * x - 2.5) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5
    found = np.where(x < 1, near, np.where(x < _REACH, far, 0.0))
    found[(pixel < first) | (pixel >= last)] = 0.0
    found /= found.sum(axis=1, keepdims=True)
    return sent(torch.from_numpy(found.astype(np.float32)), device)
