"""From a decoded image to a model's input: crop, resample, normalise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch.nn import functional

from ..errors import Misuse
from ..images import as_pixels, central_square
from .normalise import expression, normalise

MAX_SIZE = 4096


@dataclass(frozen=True)
class Preparation:
    """How images become the input of one model.

    The central square is resampled (bicubic, antialiased) to `img_size`. With `via_size`, it is
    resampled to that size first: *matched resolution*. A teacher of 32 px photographs sees them
    scaled up and blurred; a pool of sharp photographs looks foreign to it until the pool's images
    have gone through 32 px as well.

    Attributes:
        img_size: height and width of the input, in pixels.
        via_size: height and width on the way, in pixels; None for the direct way.
        mean: per channel, of pixel values in 0..1; its length is the number of channels, 1 or 3.
        std: likewise.
        grey: show a model of three channels the grey levels alone: for a task of grey images and a
            pool of coloured ones.
    """

    img_size: int
    via_size: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    grey: bool = False

    def __post_init__(self) -> None:
        for name, size in (("--img-size", self.img_size), ("--via-size", self.via_size)):
            if size is not None and not 1 <= size <= MAX_SIZE:
                raise Misuse(f"{name} is a number of pixels from 1 to {MAX_SIZE}, not {size}.")
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean):
            raise Misuse("A model takes 1 or 3 channels, with one mean and one std for each.")
        if not all(0 < value < float("inf") for value in self.std):
            raise Misuse("The standard deviation of a channel is a positive number.")

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return len(self.mean)

    @property
    def stored_size(self) -> int:
        """Height and width of what `__call__` returns, in pixels."""
        return self.via_size or self.img_size

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """The image as uint8, shape (channels, stored_size, stored_size).

        Raises:
            PipelineError: if no rule makes 8-bit pixels of it; see `plada_ref.images.as_pixels`.
        """
        image = as_pixels(image)
        if (self.grey or self.channels == 1) and image.mode != "L":
            image = image.convert("L")
        pixels = torch.from_numpy(central_square(image, self.stored_size))
        # Grey levels are the same in every channel of an RGB image.
        return pixels if len(pixels) >= self.channels else pixels.expand(3, -1, -1).contiguous()

    def batch(self, pixels: torch.Tensor) -> torch.Tensor:
        """The model's input for stored images.

        Args:
            pixels: shape (B, channels, stored_size, stored_size); uint8, or float in 0..255.

        Returns:
            float32 of shape (B, channels, img_size, img_size), normalised, channels last.
        """
        return normalise(self._resampled(pixels), self.mean, self.std)

    def expression(self, pixels: torch.Tensor) -> torch.Tensor:
        """The same as `batch`, as one expression that torch can export."""
        return expression(self._resampled(pixels), self.mean, self.std)

    def _resampled(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.stored_size == self.img_size:
            return pixels
        x = pixels.float()
        x = functional.interpolate(x, size=self.img_size, mode="bicubic", antialias=True)
        return x.clamp(0, 255)
