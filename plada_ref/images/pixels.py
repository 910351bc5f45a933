"""From an image of any mode to 8-bit grey or RGB pixels: one conversion, for whoever sees images.

docs/images.md lists what happens to each mode, and why.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from ..errors import PipelineError

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""

_SPEAKS = frozenset(
    {"exif", "transparency", "xmp", "XML:com.adobe.xmp", "Raw profile type exif", "photoshop"}
)
"""Parts of ``Image.info`` that may change the pixels of an image of 8 bits."""

_BITS, _COMPRESSION, _PHOTOMETRIC = 258, 259, 262
_CHANNELS, _PLANES, _SAMPLE_FORMAT = 277, 284, 339
"""Tags of TIFF."""


class Undecodable(PipelineError):
    """The bytes or the pixels of an image cannot be used; the message says why, as a clause."""


def as_pixels(image: Image.Image) -> Image.Image:
    """Return an image upright and with 8 bits a channel, in mode ``L`` or ``RGB``.

    An image that is so already is returned as it is.

    Raises:
        Undecodable: if no rule says what its values mean.
    """
    tags: Any = getattr(image, "tag_v2", None)  # Only the file's own object has them.
    if tags is not None:
        _check_planes(image.mode, tags)
    is_integer = _is_integer(image.mode, tags)
    if image.mode in ("L", "RGB") and not is_integer and _SPEAKS.isdisjoint(image.info):
        return image
    image.load()
    scale = _Scale.of(image, tags) if is_integer else None
    image = _upright(image)
    image = image if scale is None else scale.apply(image)
    image = _without_alpha(image)
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode == "F":
        raise Undecodable(
            "its values are floating-point numbers, and nothing says which of them is white; save "
            "it with 8 or 16 bits"
        )
    elif image.mode not in ("L", "RGB"):
        try:
            image = image.convert("RGB")
        except (ValueError, ImportError, OSError) as exc:
            raise Undecodable(f"its mode {image.mode} cannot become RGB: {exc}") from exc
    # Nothing of the file is left that could turn it, or make it transparent, a second time.
    image.info = {}
    return image


def _check_planes(mode: str, tags: Any) -> None:
    """Check that Pillow can read a TIFF file whose channels lie behind one another.

    It takes 16 bits for bytes, unless they are compressed, and mixes grey with its alpha.

    Raises:
        Undecodable: if it cannot.
    """
    if tags.get(_PLANES, 1) != 2 or tags.get(_CHANNELS, 1) == 1:
        return
    plain_wide = _first(tags.get(_BITS, 8)) > 8 and tags.get(_COMPRESSION, 1) == 1
    if plain_wide or mode.startswith("I") or mode in ("LA", "La", "PA"):
        raise Undecodable(
            "its channels lie behind one another (a planar TIFF), which Pillow reads wrong for "
            "this kind of image; save it with the channels of each pixel together, or as PNG"
        )


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # A damaged EXIF says nothing of an image that is whole.
        return image
    return image if turn is None else image.transpose(turn)


def _without_alpha(image: Image.Image) -> Image.Image:
    """Compose an image with an alpha channel, or a transparent colour, over white.

    Over black if nothing could be seen over white: white glyphs, whose shape is in the alpha
    channel alone. Alpha that is the same everywhere, such as an unused channel, says nothing.
    """
    transparent = "transparency" in image.info
    if image.mode in ("La", "LA") or (transparent and image.mode in ("1", "L")):
        image, plain = image.convert("LA"), "L"
    elif image.mode in ("PA", "RGBA", "RGBa") or (transparent and image.mode in ("P", "RGB")):
        image, plain = image.convert("RGBA"), "RGB"
    else:
        return image
    alpha = image.getchannel("A")
    image = image.convert(plain)
    if _is_flat(alpha):
        return image
    composed = Image.composite(image, Image.new(plain, image.size, "white"), alpha)
    if _is_flat(composed):
        return Image.composite(image, Image.new(plain, image.size, "black"), alpha)
    return composed


def _is_flat(image: Image.Image) -> bool:
    extrema: Any = image.getextrema()
    bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return all(low == high for low, high in bands)


def _is_integer(mode: str, tags: Any) -> bool:
    """Whether the values are integers other than bytes without a sign.

    Args:
        tags: of a TIFF file; else None.
    """
    return mode == "I" or mode.startswith("I;16") or (mode == "L" and _is_signed(tags))


def _is_signed(tags: Any) -> bool:
    return tags is not None and _first(tags.get(_SAMPLE_FORMAT, 1)) == 2


class _Scale:
    """How integers of more than 8 bits, or with a sign, become grey levels.

    By their depth, never by the values that happen to occur: two images of one set stay comparable.
    The upper 8 bits are taken, as Pillow does for 16-bit RGB.
    """

    def __init__(self, bits: int, *, signed: bool, inverted: bool) -> None:
        self.bits = bits
        self.signed = signed
        self.inverted = inverted

    @classmethod
    def of(cls, image: Image.Image, tags: Any) -> _Scale:
        if tags is not None:
            bits, inverted = _first(tags.get(_BITS, 16)), tags.get(_PHOTOMETRIC) == 0
            return cls(bits, signed=_is_signed(tags), inverted=inverted)
        # PNG and PPM come as mode I in some versions of Pillow, with values of 16 bits.
        if image.mode == "I" and getattr(image, "format", None) not in ("PNG", "PPM"):
            return cls(32, signed=True, inverted=False)
        return cls(16, signed=False, inverted=False)

    def apply(self, image: Image.Image) -> Image.Image:
        """Return grey levels: ``LA`` if one of the values is transparent, else ``L``."""
        values: npt.NDArray[Any] = np.asarray(image)
        if self.bits == 32 and not self.signed:
            values = values.view(np.uint32)
        elif self.bits == 8:
            values = values.view(np.int8)
        low, high = int(values.min()), int(values.max())
        if low < 0:
            raise Undecodable(
                f"its values reach down to {low:,}, and nothing says which of them is black; save "
                "it with 8 or 16 bits, without a sign"
            )
        depth = self.bits - self.signed
        most = 2**depth
        levels = (values >> depth - 8 if depth >= 8 else values << 8 - depth).astype(np.uint8)
        if low < high and levels.min() == levels.max():
            raise Undecodable(
                f"its values run from {low:,} to {high:,} of {most - 1:,}, which is one grey level "
                "of 256; save it with 8 bits, or with values that use its depth"
            )
        grey = Image.fromarray(255 - levels if self.inverted else levels)
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
        return grey


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple) else value)
