"""The demo's pool: letters, punctuation and symbols of the fonts that matplotlib installs.

Every image is one character of one font, turned, slanted, stretched and thickened a little, that
fills a square of 16 px as the handwritten digits of the target task fill theirs.

No digit is among them, so whatever a student learns about digits it learns from other shapes.
"""

from __future__ import annotations

import io
import math
import tarfile
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

IMAGE_SIZE = 16
"""Width and height of an image in pixels."""

_CANVAS = 4 * IMAGE_SIZE  # distortions are applied here
_FONT_SIZE = 48
_FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-BoldOblique",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSansMono-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-BoldItalic",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralBolIta",
    "STIXGeneralItalic",
    "cmb10",
    "cmr10",
    "cmss10",
    "cmti10",
    "cmtt10",
)
_DIGITS_BY_ORIGIN = "ƄƅƧƨƻƼƽ"  # letters in Unicode, but they are the digits 6, 2 and 5
_OLD_FONTS = ("cm",)  # Computer Modern keeps to Unicode for Latin letters only


def write_pool(
    path: Path, *, size: int = 15_000, seed: int = 0, advance: Callable[[int], None] | None = None
) -> None:
    """Write `size` rendered characters as PNG files into the tar shard `path`.

    A key is the character's code point, the font and a running number, so the pool's order, which
    is that of the keys, has every script in one stretch. The same size, seed and installed
    packages give the same bytes.

    Args:
        path: the tar file; replaced when it exists.
        size: number of images.
        seed: of the choice of characters, fonts and distortions.
        advance: called with the number of images just written.
    """
    images = sorted(_rendered(size, seed, advance))
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as shard:
        for key, png in images:
            member = tarfile.TarInfo(key)  # time 0, no owner: nothing but the images counts
            member.size = len(png)
            shard.addfile(member, io.BytesIO(png))


def characters() -> dict[str, list[str]]:
    """Each character that the pool draws from, in Unicode order, with the fonts that have it."""
    from matplotlib.ft2font import FT2Font

    charmaps = {font: set(FT2Font(str(_font_path(font))).get_charmap()) for font in _FONTS}
    found: dict[str, list[str]] = {}
    for code in sorted(charmaps["DejaVuSans"]):
        character = chr(code)
        # Letters, punctuation and symbols; numbers (N) and private use are left out.
        if unicodedata.category(character)[0] not in "LPS" or code >= 0xE000:
            continue
        if character in _DIGITS_BY_ORIGIN:
            continue
        latin = character.isascii() and character.isalpha()
        found[character] = [
            font
            for font in _FONTS
            if code in charmaps[font] and (latin or not font.startswith(_OLD_FONTS))
        ]
    return found


def _rendered(
    size: int, seed: int, advance: Callable[[int], None] | None
) -> Iterator[tuple[str, bytes]]:
    """(key, PNG bytes) of each image, in the order in which they were drawn."""
    choices = list(characters().items())
    draws = np.random.default_rng(seed).random((size, 7))
    for number, (which, font_draw, *distortions) in enumerate(draws.tolist()):
        character, fonts = choices[int(which * len(choices))]
        font = fonts[int(font_draw * len(fonts))]
        png = io.BytesIO()
        _filling(_distorted(character, font, distortions)).save(png, "png")
        yield f"u{ord(character):04x}-{font}-{number:06d}.png", png.getvalue()
        if advance is not None:
            advance(1)


def _distorted(character: str, font: str, draws: list[float]) -> Image.Image:
    """The character in white on a black canvas, distorted by five draws from 0 to 1."""
    glyph = _drawn(character, font)
    turn, slant, wide, high, weight = draws
    angle = math.radians(12 * (2 * turn - 1))
    shear = 0.2 * (2 * slant - 1)
    scale_x, scale_y = 1 + 0.15 * (2 * wide - 1), 1 + 0.15 * (2 * high - 1)
    left, top, right, bottom = glyph.getbbox() or (0, 0, *glyph.size)
    fit = 0.9 * _CANVAS / max(right - left, bottom - top)
    forward = (
        fit
        * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        @ np.array([[scale_x, shear * scale_y], [0, scale_y]])
    )
    back = np.linalg.inv(forward)  # Pillow maps output pixels to input pixels
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    offset = centre - back @ np.full(2, _CANVAS / 2)
    canvas = glyph.transform(
        (_CANVAS, _CANVAS),
        Image.Transform.AFFINE,
        (back[0, 0], back[0, 1], offset[0], back[1, 0], back[1, 1], offset[1]),
        Image.Resampling.BILINEAR,
    )
    if weight < 0.15:
        return canvas.filter(ImageFilter.MaxFilter(5))
    if weight < 0.40:
        return canvas.filter(ImageFilter.MaxFilter(3))
    if weight > 0.90:
        return canvas.filter(ImageFilter.MinFilter(3))
    return canvas


def _filling(canvas: Image.Image) -> Image.Image:
    """The character, fitted into a square of 16 px."""
    left, top, right, bottom = canvas.getbbox() or (0, 0, *canvas.size)
    side = max(right - left, bottom - top, _CANVAS // 4)  # a full stop stays smaller than an O
    square = canvas.transform(
        (_CANVAS, _CANVAS),
        Image.Transform.EXTENT,
        (
            (left + right - side) / 2,
            (top + bottom - side) / 2,
            (left + right + side) / 2,
            (top + bottom + side) / 2,
        ),
        Image.Resampling.BILINEAR,
    )
    return square.reduce(_CANVAS // IMAGE_SIZE)


@cache
def _drawn(character: str, font: str) -> Image.Image:
    """The undistorted character with a margin around it."""
    typeface = _typeface(font)
    left, top, right, bottom = typeface.getbbox(character)
    width, height = max(int(right - left), 1), max(int(bottom - top), 1)
    glyph = Image.new("L", (width + 8, height + 8))
    ImageDraw.Draw(glyph).text((4 - left, 4 - top), character, fill=255, font=typeface)
    return glyph


@cache
def _typeface(font: str) -> ImageFont.FreeTypeFont:
    # The basic layout, because Raqm is not in every build of Pillow and places text differently.
    return ImageFont.truetype(
        str(_font_path(font)), _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC
    )


def _font_path(font: str) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
