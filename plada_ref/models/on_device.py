"""JPEG files that the device decodes and resamples, where it has an engine for them.

Processes read and verify; they decode only what the device is not given. Pixels differ a little
from those of `plada_ref.images.decode`, by rounding and by how colours are interpolated.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import PIL
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

_TOGETHER = 64 * 512**2
"""Pixels that are resampled together: each takes some 60 bytes meanwhile."""

_PILLOW = int(PIL.__version__.partition(".")[0])

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
    """Write the images that there are to their rows of `pixels`, those that are alike together."""
    alike: dict[tuple[int, bool], list[tuple[int, torch.Tensor]]] = defaultdict(list)
    for row, image in images.items():
        if image is not None:
            edge = 1 << (max(image.shape) - 1).bit_length()
            alike[edge, _down_first(image, preparation.stored_size)].append((row, image))
    for (edge, down_first), group in alike.items():
        count = max(1, _TOGETHER // edge**2)
        for part in (group[start : start + count] for start in range(0, len(group), count)):
            where = sent(torch.tensor([row for row, _ in part]), pixels.device)
            chosen = [image for _, image in part]
            pixels[where] = resampled(chosen, preparation, edge=edge, down_first=down_first)


def _down_first(image: torch.Tensor, size: int) -> bool:
    """Whether Pillow makes an image lower before it makes it narrower."""
    height, width = image.shape[1:]
    return _PILLOW >= 13 and height - size > max(0, 2 * (width - size))


def resampled(
    images: Sequence[torch.Tensor], preparation: Preparation, *, edge: int, down_first: bool
) -> torch.Tensor:
    """What `preparation` stores of RGB images, each uint8 of shape (3, height, width).

    The steps are Pillow's: weights of the same filter, for one direction and then the other, each
    rounded to a level. Sums are of float32, so a pixel may differ by a level.

    Args:
        edge: no image is higher or wider. Work grows with its square.
        down_first: see `_down_first`.

    Returns:
        uint8 of shape (n, channels, stored, stored).
    """
    device, size = images[0].device, preparation.stored_size
    canvas = torch.zeros(len(images), 3, edge, edge, dtype=torch.uint8, device=device)
    for place, image in zip(canvas, images, strict=True):
        place[:, : image.shape[1], : image.shape[2]] = image
    if preparation.grey or preparation.channels == 1:
        red, green, blue = canvas.to(torch.int32).unbind(1)
        canvas = ((19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16)[:, None]
    squares = [(*image.shape[1:], min(image.shape[1:])) for image in images]
    across = _dense([_band(w, (w - side) // 2, side, size) for _, w, side in squares], edge, device)
    down = _dense([_band(h, (h - side) // 2, side, size) for h, _, side in squares], edge, device)
    x = canvas.float()
    x = _across(_down(x, down), across) if down_first else _down(_across(x, across), down)
    return x.to(torch.uint8).expand(-1, preparation.channels, -1, -1)


def _across(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Levels of shape (n, channels, height, size) of x, (n, channels, height, edge)."""
    count, channels, height, edge = x.shape
    lines = x.reshape(count, channels * height, edge)
    return _levels(lines.bmm(weights.transpose(1, 2))).view(count, channels, height, -1)


def _down(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Levels of shape (n, channels, size, width) of x, (n, channels, edge, width)."""
    count, channels, edge, width = x.shape
    columns = x.transpose(1, 2).reshape(count, edge, channels * width)
    return _levels(weights.bmm(columns)).view(count, -1, channels, width).transpose(1, 2)


def _levels(x: torch.Tensor) -> torch.Tensor:
    return x.add_(0.5).floor_().clamp_(0, 255)


class _Band(NamedTuple):
    """What the pixels of a line count in those that a part of it becomes.

    Attributes:
        first: the first pixel that each of these is made of, int64 of shape (size,).
        weights: of that pixel and those behind it, float32 of shape (size, taps).
    """

    first: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


@lru_cache(maxsize=4096)
def _band(length: int, start: int, side: int, size: int) -> _Band:
    """The weights of Pillow's bicubic filter, antialiased.

    As there, pixels around the part count where a weight reaches them.

    Args:
        length: pixels of the line.
        start: where the part begins.
        side: pixels of the part.
        size: what it becomes.
    """
    scale = side / size
    stretch = max(scale, 1.0)
    centre = start + (np.arange(size) + 0.5) * scale
    first = np.maximum((centre - _REACH * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + _REACH * stretch + 0.5).astype(np.int64), length)
    pixel = first[:, None] + np.arange(math.ceil(_REACH * stretch) * 2 + 1)
    x = np.abs(pixel - centre[:, None] + 0.5) / stretch
    near, far = (1.5 * x - 2.5) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5
    weights = np.where(x < 1, near, np.where(x < _REACH, far, 0.0))
    weights[pixel >= last[:, None]] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return _Band(first, weights.astype(np.float32))


def _dense(bands: Sequence[_Band], edge: int, device: torch.device) -> torch.Tensor:
    """The weights of each line's pixels, float32 of shape (n, size, edge)."""
    taps = max(band.weights.shape[1] for band in bands)
    weights = np.stack(
        [np.pad(band.weights, ((0, 0), (0, taps - band.weights.shape[1]))) for band in bands]
    )
    # Beyond the edge are zeros, which add nothing wherever they are put.
    pixels = np.stack([band.first for band in bands])[:, :, None] + np.arange(taps)
    dense = torch.zeros(*weights.shape[:2], edge, device=device)
    where = sent(torch.from_numpy(np.minimum(pixels, edge - 1)), device)
    return dense.scatter_add_(2, where, sent(torch.from_numpy(weights), device))
