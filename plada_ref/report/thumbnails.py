"""Small pictures of kept images, as many as a page can carry."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from pladafmt import Payload

from ..images import ImagePool, ImageSet, as_pixels
from ..pool import UnreadableImage

PER_CLASS = 10
"""Images of a class at most."""
SIDE = 64
"""Longest side in pixels; smaller images stay as they are."""
_QUALITY = 72

PICTURE = "data:image/jpeg;base64,"
"""How a picture begins in the page."""


@dataclass(frozen=True)
class Thumbnail:
    """One kept image.

    Attributes:
        position: in the pool.
        uri: the picture, a ``data:`` URI of a JPEG.
    """

    position: int
    uri: str


@dataclass(frozen=True)
class Gallery:
    """The pictures of one payload.

    Attributes:
        classes: pictures by class number, by rising position; classes without one are left out.
        cut: whether there are fewer than `PER_CLASS` allows, because the page has no more room.
        unreadable: images that were to be shown and do not decode.
    """

    classes: dict[int, tuple[Thumbnail, ...]]
    cut: bool
    unreadable: int = 0

    @property
    def images(self) -> int:
        """How many pictures there are."""
        return sum(map(len, self.classes.values()))


def galleries(
    payloads: Sequence[Payload], pool: ImagePool, classes: Sequence[int], most: int
) -> list[Gallery]:
    """Return pictures for each payload.

    Args:
        classes: numbers of the classes that are shown.
        most: characters that all pictures together may take; every payload gets an equal part.

    Raises:
        Mismatch: if a payload is of another pool.
        PipelineError: if an image cannot be read or is not the one that the manifest lists.
    """
    for payload in payloads:
        pool.serve(payload.pool)
    return [_gallery(payload, pool, classes, most // len(payloads)) for payload in payloads]


def spread(positions: npt.NDArray[np.uint64], most: int) -> npt.NDArray[np.uint64]:
    """Return at most `most` of the positions, evenly spaced in their order: a fair sample."""
    if positions.size <= most:
        return positions
    return positions[np.linspace(0, positions.size - 1, most).round().astype(np.int64)]


def _gallery(payload: Payload, pool: ImagePool, classes: Sequence[int], most: int) -> Gallery:
    """Make one picture of every class, then a second one of every class, until the room is used."""
    wanted = {
        label: spread(payload.positions[payload.labels == label], PER_CLASS) for label in classes
    }
    images = pool.only(np.sort(np.concatenate([payload.positions[:0], *wanted.values()])))
    found: dict[int, list[Thumbnail]] = {}
    room, cut, unreadable = most, False, 0
    # The middle of a class first, so that what is shown when there is little room is typical.
    for turn in _from_the_middle(PER_CLASS):
        for label, positions in wanted.items():
            if turn >= positions.size:
                continue
            try:
                picture = _thumbnail(images, int(positions[turn]))
            except UnreadableImage:
                unreadable += 1
                continue
            room -= len(picture.uri)
            if room < 0:
                cut = True
                break
            found.setdefault(label, []).append(picture)
        if cut:
            break
    by_position = {
        label: tuple(sorted(found[label], key=lambda picture: picture.position))
        for label in sorted(found)
    }
    return Gallery(by_position, cut, unreadable)


def _from_the_middle(count: int) -> list[int]:
    return sorted(range(count), key=lambda number: (abs(number - count // 2), number))


def _thumbnail(images: ImageSet, position: int) -> Thumbnail:
    image = as_pixels(images.open_image(position)).convert("RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return Thumbnail(position, f"{PICTURE}{data}")
