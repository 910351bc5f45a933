"""Find the images of a task that the pool holds too, which a student may have learned from.

Two images are *exact* duplicates if their pixels are equal, and *near* duplicates if their
perceptual hashes (the DCT hash of the package imagehash, 64 bits) differ in few bits. The hash
recognises an image after scaling, small changes of grey levels and JPEG compression, but not after
cropping or rotation.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..compute.progress import Advance, Progress
from ..images import ImagePool, ImageSet, as_pixels, in_stretches
from ..pool import UnreadableImage, UnreadableImages

NEAR = 4
"""Bits by which the hashes of near duplicates differ at most, of 64."""

ROWS, BLOCK = 256, 4096
"""Images of the task, and of the pool, that are compared at a time."""

_FAR = 255
"""A distance that no two hashes have."""

FLAT = 4.0
"""Standard deviation of grey levels below which an image is too flat for its hash to mean much."""


@dataclass(frozen=True)
class Fingerprints:
    """What images are compared by.

    Attributes:
        pixels: SHA-256 of size and RGB pixels, shape (n, 32), uint8.
        hashes: perceptual hashes, uint64, shape (n,).
        flat: images too flat to be compared by their hash, shape (n,).
    """

    pixels: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint64]
    flat: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.hashes)


@dataclass(frozen=True)
class Match:
    """An image of the task and the pool image that is most similar to it.

    Attributes:
        row: the image's number in the task.
        position: the pool image's position.
        exact: whether their pixels are equal.
        distance: bits by which their hashes differ.
    """

    row: int
    position: int
    exact: bool
    distance: int


@dataclass(frozen=True)
class Leakage:
    """The images of a task that a pool holds too.

    Attributes:
        images: images of the task that were looked for.
        pool_size: images of the pool.
        flat: images of the task that are too flat for their hash, and compared by pixels only.
        matches: a match for each image that the pool holds, exactly or nearly, by row.
        unreadable: images of the pool that do not decode, so that nobody knows what they show.
    """

    images: int
    pool_size: int
    flat: int
    matches: tuple[Match, ...]
    unreadable: int = 0

    @property
    def exact(self) -> int:
        """How many images the pool holds pixel by pixel."""
        return sum(match.exact for match in self.matches)

    @property
    def fraction(self) -> float:
        """The part of the images that the pool holds exactly or nearly, 0 to 1."""
        return len(self.matches) / self.images


def fingerprint(image: Image.Image) -> tuple[bytes, int, bool]:
    """Return the digest of an image's pixels, its perceptual hash, and whether it is too flat."""
    import imagehash

    colour = as_pixels(image).convert("RGB")
    digest = hashlib.sha256(f"{colour.width}x{colour.height}:".encode() + colour.tobytes())
    grey = np.asarray(colour.convert("L"), dtype=np.float64)
    bits = np.asarray(imagehash.phash(colour).hash, dtype=bool).reshape(-1)
    value = int.from_bytes(np.packbits(bits).tobytes(), "big")
    return digest.digest(), value, bool(grey.std() < FLAT)


def fingerprints(images: ImageSet, *, what: str, progress: Progress) -> Fingerprints:
    """Return the fingerprints of all images of a set.

    Raises:
        PipelineError: if an image cannot be read.
    """
    with progress.track(what, len(images)) as advance:
        return _fingerprints(images, range(len(images)), advance)


def look_for(
    task: Fingerprints,
    pool: ImagePool,
    *,
    what: str,
    progress: Progress,
    unreadable: UnreadableImages,
    near: int = NEAR,
) -> Leakage:
    """Find the images of a task in a pool, of which a stretch is in memory at a time.

    Args:
        unreadable: counts the images of the pool that do not decode. They are like no other.
        near: bits by which the hashes of near duplicates differ at most.

    Raises:
        PipelineError: if the pool cannot be read, or too many images do not decode.
    """
    search, count = Search(task), len(pool)
    blocks = [range(at, min(at + BLOCK, count)) for at in range(0, count, BLOCK)]
    with progress.track(what, count) as advance:
        for stretch, images in in_stretches(pool, blocks):
            for chunk in stretch:
                search.see(_fingerprints(images, chunk, advance, unreadable))
    unreadable.tell(progress)
    return search.found(near, unreadable=len(unreadable))


def _fingerprints(
    images: ImageSet,
    numbers: range,
    advance: Advance,
    unreadable: UnreadableImages | None = None,
) -> Fingerprints:
    count = len(numbers)
    pixels = np.zeros((count, 32), dtype=np.uint8)  # No image has such a digest.
    hashes = np.zeros(count, dtype=np.uint64)
    flat = np.ones(count, dtype=np.bool_)
    for row, number in enumerate(numbers):
        advance(1)
        try:
            digest, value, is_flat = fingerprint(images.open_image(number))
        except UnreadableImage:
            if unreadable is None:
                raise
            unreadable.add(np.array([number]))
            continue
        pixels[row] = np.frombuffer(digest, dtype=np.uint8)
        hashes[row], flat[row] = value, is_flat
    return Fingerprints(pixels, hashes, flat)


class Search:
    """What has been found of a task's images in a pool that is seen block after block.

    Among equal images of the pool the lowest position counts, and so among those that are equally
    near.
    """

    def __init__(self, task: Fingerprints) -> None:
        self._task = task
        self._rows: dict[bytes, list[int]] = defaultdict(list)
        for row, pixels in enumerate(task.pixels):
            self._rows[pixels.tobytes()].append(row)
        self._same = np.full(len(task), -1)
        self._distance = np.full(len(task), _FAR, np.uint8)
        self._nearest = np.full(len(task), -1)
        self._seen = 0

    def see(self, pool: Fingerprints) -> None:
        """Compare the next images of the pool, any number of them."""
        start = self._seen
        self._seen += len(pool)
        for row, pixels in enumerate(pool.pixels):
            for same in self._rows.get(pixels.tobytes(), ()):
                if self._same[same] < 0:
                    self._same[same] = start + row
        candidates = np.flatnonzero(~pool.flat)
        for first in range(0, len(candidates), BLOCK):
            part = candidates[first : first + BLOCK]
            for at in range(0, len(self._task), ROWS):
                self._compare(slice(at, at + ROWS), pool.hashes[part], start + part)

    def _compare(
        self, rows: slice, hashes: npt.NDArray[np.uint64], positions: npt.NDArray[np.int64]
    ) -> None:
        distances = np.bitwise_count(self._task.hashes[rows][:, None] ^ hashes[None, :])
        best = distances.argmin(axis=1)
        found = distances.min(axis=1)
        nearer = found < self._distance[rows]
        self._distance[rows][nearer] = found[nearer]
        self._nearest[rows][nearer] = positions[best[nearer]]

    def found(self, near: int = NEAR, *, unreadable: int = 0) -> Leakage:
        """Return what has been found so far; arguments as of `look_for`."""
        matches = []
        for row in range(len(self._task)):
            if self._same[row] >= 0:
                matches.append(Match(row, int(self._same[row]), True, 0))
            elif not self._task.flat[row] and self._distance[row] <= near:
                distance = int(self._distance[row])
                matches.append(Match(row, int(self._nearest[row]), False, distance))
        flat = int(self._task.flat.sum())
        return Leakage(len(self._task), self._seen, flat, tuple(matches), unreadable)
