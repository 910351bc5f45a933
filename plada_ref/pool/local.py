"""The client's own copy of a pool: images by position, each verified when it is loaded."""

from __future__ import annotations

import hashlib
import io

import numpy.typing as npt
from PIL import Image

from pladafmt import PoolRef

from ..errors import PipelineError
from .manifest import Manifest
from .manifest_file import ManifestFile, ManifestRows
from .source import Source


class BadImage(PipelineError):
    """An image of the local pool cannot be used.

    Everything but the sentence is keyword-only, so that a DataLoader worker's error arrives in
    the main process with its own type.

    Attributes:
        key: the image's key, "" when unknown.
        position: its pool position, -1 when unknown.
    """

    def __init__(self, problem: str, *, key: str = "", position: int = -1) -> None:
        super().__init__(problem)
        self.key = key
        self.position = position


class ChangedImage(BadImage):
    """The stored bytes are not those that the manifest lists.

    Attributes:
        expected: SHA-256 in the manifest, 32 bytes.
        found: SHA-256 of the stored bytes, 32 bytes.
    """

    def __init__(
        self,
        problem: str,
        *,
        key: str = "",
        position: int = -1,
        expected: bytes = b"",
        found: bytes = b"",
    ) -> None:
        super().__init__(problem, key=key, position=position)
        self.expected = expected
        self.found = found


class MissingImage(BadImage):
    """The manifest lists an image that the source does not hold."""


class UnreadableImage(BadImage):
    """The bytes are the right ones, but they do not decode as an image."""


class VerifiedImages:
    """Images of a pool by position: some of them, or all.

    It can be pickled and used after a fork, and holds no open file.

    Args:
        manifest: what the images are; of all positions that are read it knows key and digest.
        source: where they lie.
    """

    def __init__(self, manifest: Manifest | ManifestRows, source: Source) -> None:
        self._listed = manifest
        self.source = source
        source.prepare()  # Once here rather than in every worker process.

    def __len__(self) -> int:
        return self._listed.pool.size

    @property
    def ref(self) -> PoolRef:
        """The pool's id and size, as the manifest states them."""
        return self._listed.pool

    def read(self, position: int) -> bytes:
        """The stored bytes of the image at a pool position, verified against the manifest.

        Raises:
            IndexError: if the position lies outside the pool.
            ChangedImage: if the bytes have another SHA-256 than the manifest lists.
            MissingImage: if the source does not hold the image.
        """
        position = int(position)
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} lies outside a pool of {len(self)} images")
        key = self._listed.key(position)
        try:
            data = self.source.read(key)
        except (KeyError, FileNotFoundError) as exc:
            raise MissingImage(
                f"The image {key!r} at position {position} is not in the source; restore it, or "
                "list what is missing with: plada pool verify",
                key=key,
                position=position,
            ) from exc
        expected = self._listed.digest(position)
        found = hashlib.sha256(data).digest()
        if found != expected:
            raise ChangedImage(
                f"The image {key!r} at position {position} has changed: SHA-256 "
                f"{found.hex()} in place of {expected.hex()}. Restore the original file, or list "
                "what has changed with: plada pool verify",
                key=key,
                position=position,
                expected=expected,
                found=found,
            )
        return data

    def open_image(self, position: int) -> Image.Image:
        """The decoded image at a pool position, as RGB.

        Raises:
            IndexError, ChangedImage, MissingImage: as `read` does.
            UnreadableImage: if the bytes do not decode.
        """
        data = self.read(position)
        try:
            with Image.open(io.BytesIO(data)) as image:
                return image.convert("RGB")
        except Exception as exc:  # Pillow's decoders raise nearly anything on odd bytes.
            key = self._listed.key(int(position))
            raise UnreadableImage(
                f"The image {key!r} at position {position} has the right bytes but does not "
                f"decode ({exc}); leave it out of the selection.",
                key=key,
                position=int(position),
            ) from exc


class LocalPool(VerifiedImages):
    """A manifest in memory and the place where its images lie."""

    def __init__(self, manifest: Manifest, source: Source) -> None:
        super().__init__(manifest, source)
        self.manifest = manifest

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        Raises:
            Mismatch: as `Manifest.serve` does.
        """
        self.manifest.serve(ref)

    def only(self, positions: npt.ArrayLike) -> LocalPool:
        """The pool itself, which has all images ready."""
        return self


class StoredPool:
    """A manifest on disk and the place where its images lie; memory for what is asked for alone.

    Args:
        manifest: its rows are checked when `only` is first called.
        source: where the images lie.
    """

    def __init__(self, manifest: ManifestFile, source: Source) -> None:
        self.manifest = manifest
        self.source = source
        self._checked = False

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def ref(self) -> PoolRef:
        """The pool's id and size, as the manifest states them."""
        return self.manifest.pool

    def serve(self, ref: PoolRef) -> None:
        """Check that this pool has the images that a payload for `ref` refers to.

        Raises:
            Mismatch, PipelineError: as `ManifestFile.serve` does.
        """
        self.manifest.serve(ref)

    def only(self, positions: npt.ArrayLike) -> VerifiedImages:
        """The images at some positions, ascending; their keys, digests and places are in memory.

        Raises:
            PipelineError: if the manifest or a shard is damaged, or a key is stored twice.
        """
        rows = self.manifest.select(positions, check=not self._checked)
        self._checked = True
        return VerifiedImages(rows, self.source.only(rows.keys))
