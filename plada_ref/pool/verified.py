"""Images of a pool by position, each checked against the manifest when it is read."""

from __future__ import annotations

import hashlib

from PIL import Image

from pladafmt import PoolRef

from ..images import Undecodable, decode
from .image_cache import kept_image
from .image_errors import ChangedImage, MissingImage, UnreadableImage
from .manifest import Manifest
from .manifest_file import SelectedRows
from .source import Source


class VerifiedImages:
    """Images of a pool by position: some of them, or all.

    It can be pickled and used after a fork, and holds no open file.

    Args:
        manifest: key and digest of every image that is read.
        source: where the images lie.
    """

    def __init__(self, manifest: Manifest | SelectedRows, source: Source) -> None:
        self._manifest = manifest
        self.source = source
        source.prepare()  # Once here rather than in every worker process.

    def __len__(self) -> int:
        return self._manifest.pool.size

    @property
    def ref(self) -> PoolRef:
        """The pool's id and size, as the manifest states them."""
        return self._manifest.pool

    def key(self, position: int) -> str:
        """The key of the image at a pool position."""
        return self._manifest.key(int(position))

    def digest(self, position: int) -> bytes:
        """The SHA-256 (32 bytes) that the image at a pool position must have."""
        return self._manifest.digest(int(position))

    def called(self, position: int) -> str:
        """What a sentence calls the image at a pool position."""
        key = self._manifest.key(int(position))
        where = self.source.where(key)
        return f"The image {key!r} at position {position}" + (f" in {where!r}" if where else "")

    def holds(self, position: int) -> bool:
        """Whether the source holds the image at a pool position; it is not read."""
        return self._manifest.key(int(position)) in self.source

    def read(self, position: int) -> bytes:
        """Read the stored bytes of the image at a pool position and check their digest.

        Raises:
            IndexError: if the position lies outside the pool.
            ChangedImage: if the bytes have another SHA-256 than the manifest lists.
            MissingImage: if the source does not hold the image.
        """
        position = int(position)
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} lies outside a pool of {len(self)} images")
        key, expected = self._manifest.key(position), self._manifest.digest(position)
        if self.source.remote and (kept := kept_image(expected)) is not None:
            return kept
        try:
            data = self.source.read(key)
        except (KeyError, FileNotFoundError) as exc:
            raise MissingImage(
                f"The image {key!r} at position {position} is not in the source; restore it, or "
                "list what is missing with: plada pool verify",
                key=key,
                position=position,
            ) from exc
        found = hashlib.sha256(data).digest()
        if found != expected:
            raise ChangedImage(
                f"The image {key!r} at position {position} has changed: SHA-256 "
                f"{found.hex()} instead of {expected.hex()}. Restore the original file, or list "
                "what has changed with: plada pool verify",
                key=key,
                position=position,
                expected=expected,
                found=found,
            )
        return data

    def open_image(self, position: int) -> Image.Image:
        """Decode the image at a pool position, upright and as RGB; see `plada_ref.images.decode`.

        Raises:
            IndexError, ChangedImage, MissingImage: as `read` does.
            UnreadableImage: if the bytes do not decode.
        """
        data = self.read(position)
        try:
            image = decode(data)
        except Undecodable as exc:
            key = self._manifest.key(int(position))
            raise UnreadableImage(
                f"{self.called(position)} has the right bytes but does not decode ({exc}); "
                "plada pool verify --decode lists all such images of the pool, which plada label "
                "never keeps.",
                key=key,
                position=int(position),
                reason=str(exc),
            ) from exc
        return image if image.mode == "RGB" else image.convert("RGB")
