"""Label streams: one class number per kept image, in position order (specification, section 8)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .errors import Malformed

FIELD = "BLOCK.labels"


def width(classes: int) -> int:
    """Return the bytes per label: none for one class, 1 up to 256 classes, else 2."""
    return 0 if classes == 1 else 1 if classes <= 256 else 2


def encode(labels: npt.NDArray[np.uint16], classes: int) -> bytes:
    """Return the label stream of `labels`, shape (count,)."""
    size = width(classes)
    return labels.astype(f"<u{size}").tobytes() if size else b""


def decode(stream: bytes, classes: int, count: int, offset: int) -> npt.NDArray[np.uint16]:
    """Return the labels of a stream of the right size, shape (count,), uint16.

    Raises:
        Malformed: ``label-range`` if a label is not below the number of classes.
    """
    size = width(classes)
    if size == 0:
        return np.zeros(count, dtype=np.uint16)
    labels = np.frombuffer(stream, dtype=f"<u{size}").astype(np.uint16)
    high = int(labels.max())
    if high >= classes:
        raise Malformed(
            "label-range",
            f"Label {high} does not exist among {classes} classes.",
            offset=offset,
            field=FIELD,
        )
    return labels
