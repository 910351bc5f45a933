"""Label streams: a class number per kept image, in position order (specification, section 8.5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import Malformed
from ..limits import MAX_POSITION

FIELD = "BLOCK.labels"


def width(classes: int) -> int:
    """Return the bytes per label: none for one class, 1 up to 256 classes, else 2."""
    return 0 if classes == 1 else 1 if classes <= 256 else 2


def encode(labels: npt.NDArray[np.uint16], classes: int) -> list[bytes]:
    """Return the parts of the label stream of `labels`, shape (count,): low bytes, high bytes."""
    planes = labels.astype("<u2").view(np.uint8).reshape(-1, 2).T
    return [plane.tobytes() for plane in planes[: width(classes)]]


def size_bounds(classes: int, count: int, shift: int) -> tuple[int, int]:
    """Return the least and the most bytes of a valid stream; `shift` is 0 for plain labels."""
    if shift:
        return 0, MAX_POSITION
    return count * width(classes), count * width(classes)


def decode(stream: bytes, classes: int, count: int, offset: int) -> npt.NDArray[np.uint16]:
    """Return the labels of a stream of the right size, shape (count,), uint16.

    Raises:
        Malformed: ``label-range`` if a label is not below the number of classes.
    """
    if classes == 1:
        return np.zeros(count, dtype=np.uint16)
    octets = np.frombuffer(stream, dtype=np.uint8)
    labels = octets[:count].astype(np.uint16)
    if octets.size > count:
        labels |= octets[count:].astype(np.uint16) << np.uint16(8)
    high = int(labels.max()) if count > 1 else int(labels[0])
    if high >= classes:
        raise Malformed(
            "label-range",
            f"Label {high} does not exist among {classes} classes.",
            offset=offset,
            field=FIELD,
        )
    return labels
