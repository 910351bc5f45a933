"""Images: what the pipeline asks of a set of them, and how a file's bytes become pixels."""

from __future__ import annotations

from .decoding import PIXELS, decode, why_undecodable
from .formats import FORMATS, IMAGE_SUFFIXES, TASK_SUFFIXES, UNREAD_SUFFIXES
from .pixels import Undecodable, as_pixels
from .plain_jpeg import is_plain_jpeg
from .resampling import central_square
from .sets import FileSet, ImageArrays, ImagePool, ImageRows, ImageSet, PoolImages, called
from .stretches import check_early, in_stretches

__all__ = [
    "FORMATS",
    "IMAGE_SUFFIXES",
    "PIXELS",
    "TASK_SUFFIXES",
    "UNREAD_SUFFIXES",
    "FileSet",
    "ImageArrays",
    "ImagePool",
    "ImageRows",
    "ImageSet",
    "PoolImages",
    "Undecodable",
    "as_pixels",
    "called",
    "central_square",
    "check_early",
    "decode",
    "in_stretches",
    "is_plain_jpeg",
    "why_undecodable",
]
