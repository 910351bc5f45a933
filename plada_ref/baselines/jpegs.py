"""Labelled images as JPEG files, one behind the other, under one Zstandard frame."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pladafmt import varint

from ..errors import PipelineError
from ..images import Undecodable, as_pixels, decode
from .baseline import Labels
from .frames import Reader, compress

QUALITY = 30
"""As in the paper."""


def jpeg(image: Image.Image, quality: int = QUALITY) -> bytes:
    """The image at its own size; grey stays grey, everything else becomes RGB.

    With the standard's own Huffman tables, Pillow's default: they are the same in every file, so
    that Zstandard sends them once. Tables fitted to each image make every file smaller and the
    whole larger (44,745 in place of 77,251 bytes of 100 images of CIFAR-10, but 17,617 in place of
    15,561 after Zstandard).
    """
    stream = io.BytesIO()
    as_pixels(image).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def encode_jpegs(files: Sequence[bytes], labels: Labels, classes: int) -> bytes:
    """Their number, their lengths, their labels (one byte each up to 256 classes, else two), and
    the files.
    """
    lengths = [varint.write(len(file)) for file in files]
    stored = labels.astype(_label_type(classes)).tobytes()
    return compress([varint.write(len(files)), *lengths, stored, *files])


def decode_jpegs(data: bytes, classes: int) -> tuple[JpegImages, Labels]:
    """The images and labels that `encode_jpegs` wrote.

    Raises:
        PipelineError: if `data` is something else.
    """
    reader = Reader(data, what="container of JPEG images")
    lengths = [reader.number() for _ in range(reader.number())]
    labels = reader.array(_label_type(classes), len(lengths)).astype(np.uint16)
    files = [reader.take(length) for length in lengths]
    reader.finish()
    if len(labels) and int(labels.max()) >= classes:
        raise reader.refuse(f"a label lies beyond its {classes} classes")
    return JpegImages(files), labels


def _label_type(classes: int) -> str:
    return "u1" if classes <= 256 else "<u2"


class JpegImages:
    """Images that are decoded when they are opened.

    Args:
        files: the bytes of one JPEG file each.
    """

    def __init__(self, files: Sequence[bytes]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def open_image(self, position: int, /) -> Image.Image:
        """The image, grey or RGB.

        Raises:
            PipelineError: if it does not decode.
        """
        try:
            return decode(self.files[position])
        except Undecodable as exc:
            raise PipelineError(
                f"JPEG image {position} of {len(self)} does not decode ({exc}); encode it again."
            ) from exc
