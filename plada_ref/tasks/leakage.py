"""Find the images of a task that the pool holds too, which a student may have learned from.

Two images are *exact* duplicates if their pixels are equal, and *near* duplicates if their
perceptual hashes (the DCT hash of the package imagehash, 64 bits) differ in few bits. The hash
recognises an image after scaling, small changes of grey levels and JPEG compression, but not after
cropping or rotation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..compute.progress import Progress
from ..images import ImageSet, as_pixels
from ..pool import UnreadableImage, UnreadableImages

NEAR = 4
"""Bits by which the hashes of near duplicates differ at most, of 64."""

ROWS = 256
"""Images of the task that are compared with the whole pool at a time."""

FLAT = 4.0
"""Standard deviation of grey levels below which an image is too flat for its hash to mean much."""


@dataclass(frozen=True)
class Fingerprints:
    """What two sets of images are compared by.

    Attributes:
        pixels: SHA-256 of size and RGB pixels, shape (n, 32), uint8.
        hashes: perceptual hashes, uint64, shape (n,).
        flat: images too flat to be compared by their hash, shape (n,).
        unreadable: numbers of the images that do not decode, ascending. They are like no other.
    """

    pixels: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint64]
    flat: npt.NDArray[np.bool_]
    unreadable: npt.NDArray[np.int64]


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


def fingerprints(
    images: ImageSet,
    *,
    what: str,
    progress: Progress,
    unreadable: UnreadableImages | None = None,
) -> Fingerprints:
    """Return the fingerprints of all images of a set.

    Args:
        unreadable: counts those images of a pool that do not decode.

    Raises:
        PipelineError: if an image cannot be read, or too many do not decode.
    """
    count = len(images)
    pixels = np.empty((count, 32), dtype=np.uint8)
    hashes = np.empty(count, dtype=np.uint64)
    flat = np.empty(count, dtype=np.bool_)
    with progress.track(what, count) as advance:
        for number in range(count):
            advance(1)
            try:
                digest, value, is_flat = fingerprint(images.open_image(number))
            except UnreadableImage:
                if unreadable is None:
                    raise
                unreadable.add(np.array([number]))
                digest, value, is_flat = bytes(32), 0, True
            pixels[number] = np.frombuffer(digest, dtype=np.uint8)
            hashes[number], flat[number] = value, is_flat
    if unreadable is None:
        return Fingerprints(pixels, hashes, flat, np.zeros(0, np.int64))
    unreadable.tell(progress)
    return Fingerprints(pixels, hashes, flat, unreadable.positions)


def compare(task: Fingerprints, pool: Fingerprints, *, near: int = NEAR) -> Leakage:
    """Find the images of a task in the pool; among equal pool images the lowest position counts."""
    position_of: dict[bytes, int] = {}
    for position in range(len(pool.hashes) - 1, -1, -1):
        position_of[pool.pixels[position].tobytes()] = position
    candidates = np.flatnonzero(~pool.flat)
    hashes = pool.hashes[candidates]
    matches = []
    for start in range(0, len(task.hashes), ROWS):
        part = task.hashes[start : start + ROWS]
        distances = np.bitwise_count(part[:, None] ^ hashes[None, :]) if candidates.size else None
        for offset in range(len(part)):
            row = start + offset
            same = position_of.get(task.pixels[row].tobytes())
            if same is not None:
                matches.append(Match(row, same, True, 0))
            elif distances is not None and not task.flat[row]:
                best = int(distances[offset].argmin())
                found = int(distances[offset, best])
                if found <= near:
                    matches.append(Match(row, int(candidates[best]), False, found))
    flat = int(task.flat.sum())
    lost = len(pool.unreadable)
    return Leakage(len(task.hashes), len(pool.hashes), flat, tuple(matches), lost)
