"""From the bytes of an image file to pixels: which formats, how large, and whole or not at all."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any

from PIL import Image, ImageFile, UnidentifiedImageError

from ..limits import limits, raised
from .formats import FORMATS, describe
from .pixels import Undecodable, as_pixels

PIXELS = 3
"""Changes whenever a file's pixels do: what was computed from others is not used any more."""

MOST_BYTES = 256 << 20
"""Bytes of an image file that a library reads by itself."""

_pillows_open = Image.open

_opening = threading.Lock()
os.register_at_fork(
    before=_opening.acquire, after_in_parent=_opening.release, after_in_child=_opening.release
)


def decode(data: bytes) -> Image.Image:
    """Decode the bytes of an image file: its first frame, upright, in mode ``L`` or ``RGB``.

    Raises:
        Undecodable: if they are not a whole image of one of `FORMATS`, or are too large; the
            message is a clause that says why.
        Misuse: if $PLADA_LIMITS cannot be understood.
    """
    most = limits().pixels
    try:
        with opened(data) as image:
            if image.width * image.height > most:
                raise Undecodable(
                    f"it has {image.width:,} x {image.height:,} pixels, more than {most:,}; if it "
                    f"is meant to, set {raised('pixels', image.width * image.height)}"
                )
            if image.format in ("JPEG", "MPO"):
                check_scans(data)
            _load(image)
            if image.format in ("JPEG", "MPO") and _lost_its_end(data, image):
                raise Undecodable("it is cut short: the rest of it is missing")
            decoded = as_pixels(image)
            if decoded is image:
                # Its pixels, without what the file says of them. Image.copy would copy those too.
                decoded = image._new(image.im)
                decoded.info = {}
            return decoded
    except Undecodable:
        raise
    except UnidentifiedImageError as exc:
        raise Undecodable(describe(data)) from exc
    except Exception as exc:  # Pillow's decoders raise nearly anything on odd bytes.
        raise Undecodable(_words(exc)) from exc


def why_undecodable(data: bytes) -> str | None:
    """Return why `decode` refuses the bytes of an image file, a clause; None if it does not.

    Raises:
        Misuse: as `decode` does.
    """
    try:
        decode(data)
    except Undecodable as exc:
        return str(exc)
    return None


@contextmanager
def only_ours() -> Iterator[None]:
    """Let `decode` open image files for a library that calls ``PIL.Image.open`` itself.

    Not for use in several threads: it is another function for all of them.
    """
    theirs = Image.open
    Image.open = _open_file  # type: ignore[assignment]
    try:
        yield
    finally:
        Image.open = theirs


def _open_file(fp: Any, *_: Any, **__: Any) -> Image.Image:
    if hasattr(fp, "read"):
        return decode(_read(fp))
    with open(fp, "rb") as file:
        return decode(_read(file))


def _read(file: IO[bytes]) -> bytes:
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Undecodable(f"it has more than {MOST_BYTES:,} bytes")
    return data


def opened(data: bytes) -> ImageFile.ImageFile:
    """Read the head of an image file of one of `FORMATS`; raises as Pillow does."""
    # Pillow has a limit of pixels as well, which warns at half of it: ours is the one that counts.
    with _opening:
        theirs = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            return _pillows_open(io.BytesIO(data), formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = theirs


def _load(image: ImageFile.ImageFile) -> None:
    # Some libraries set this for a whole process, and then a file cut short ends in grey.
    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        image.load()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


_SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""A scan's header: as long as its number of components asks for, which libjpeg insists on."""


def check_scans(data: bytes) -> None:
    """Refuse a JPEG file that costs far more than its pixels.

    Raises:
        Undecodable: if it has more scans than the limit `scans`.
    """
    # Those of thumbnails and of further frames count as well: all together are few.
    most = limits().scans
    found = sum(1 for _ in islice(_SCAN.finditer(data), most + 1))
    if found > most:
        raise Undecodable(
            f"it has more than {most:,} scans, each of which costs as much as all pixels; if it is "
            f"meant to, set {raised('scans', len(_SCAN.findall(data)))}"
        )


_FILLER = bytes(range(1, 200)) * 20
_END = b"\xff\xd9"


def _lost_its_end(data: bytes, image: ImageFile.ImageFile) -> bool:
    """Whether the image data of a JPEG file ends too early, before its end marker.

    libjpeg paints what is missing grey, and says so in a warning that Pillow does not pass on. So
    a file whose last corner is of that grey is decoded again, with more bytes before its end: only
    a decoder that still lacks blocks makes pixels of them.
    """
    bands = len(image.getbands())
    # One pixel first: of most files no more needs to be looked at.
    last = image.getpixel((image.width - 1, image.height - 1))
    if last != (128 if bands == 1 else (128,) * bands):
        return False
    corner = image.crop((max(0, image.width - 8), max(0, image.height - 8), *image.size))
    if corner.getextrema() != ((128, 128) if bands == 1 else ((128, 128),) * bands):
        return False
    end = data.rfind(_END)
    with opened(data[:end] + _FILLER + data[end:]) as longer:
        _load(longer)
        return longer.tobytes() != image.tobytes()


def _words(exc: Exception) -> str:
    """Return what an exception of Pillow's says, without addresses in memory."""
    text = re.sub(r"<[^<>]* at 0x[0-9a-fA-F]+>", "it", str(exc)).strip()
    line = text.splitlines()[0].rstrip(".") if text else type(exc).__name__
    if "truncated" in line.lower():
        return "it is cut short"
    return line
