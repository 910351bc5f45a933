"""Which files any decoder of JPEG makes the same image of."""

from __future__ import annotations

from PIL import ExifTags

from ..limits import limits
from .decoding import check_scans, opened

_SAMPLINGS = {(1, 1), (2, 1), (2, 2)}
"""Of brightness, horizontally and vertically, where colours have one sample."""

_MOST = 4096
"""Pixels in height and width: more are left to a decoder whose memory is not a GPU's."""

_END = b"\xff\xd9"


def is_plain_jpeg(data: bytes) -> bool:
    """Whether `decode` gives what any decoder of JPEG gives, but for rounding.

    These are baseline files in the colours that JPEG files usually have, which lie as they are to
    be seen, are whole by their end marker, not huge and within our limits. All others are for
    `decode`: decoders differ in what they make of them, or it refuses them.

    Data may still be missing before the end marker; see `plada_ref.models.on_device`.

    Raises:
        Misuse: if $PLADA_LIMITS cannot be understood.
    """
    most = limits().pixels
    if not data.startswith(b"\xff\xd8\xff") or not data.endswith(_END):
        return False
    try:
        with opened(data) as image:
            (first, *sampling, _), *colours = getattr(image, "layer", [])
            if (
                image.format != "JPEG"  # MPO: several frames.
                or image.mode != "RGB"
                or image.width * image.height > most
                or max(image.size) > _MOST
                or "progressive" in image.info
                or image.info.get("adobe_transform", 1) == 0  # Not YCbCr.
                or first == ord("R")
                or tuple(sampling) not in _SAMPLINGS
                or any(tuple(each[1:3]) != (1, 1) for each in colours)
                or image.getexif().get(ExifTags.Base.Orientation, 1) != 1
            ):
                return False
            check_scans(data)
    except Exception:  # Pillow raises nearly anything on odd bytes; `decode` says what is wrong.
        return False
    return True
