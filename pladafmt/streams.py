"""Streams: bytes as they are, or as one Zstd frame (specification, section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from . import layout, zstd
from .errors import Malformed, Noncanonical


class Stored(NamedTuple):
    """A stream as it is stored in a file, not yet decoded.

    Attributes:
        data: the stored bytes.
        compressed: whether they are a Zstd frame.
        offset: where they start in the file.
        field: the stream's name, such as ``"BLOCK.labels"``.
    """

    data: memoryview
    compressed: bool
    offset: int
    field: str

    def decoded_size(self) -> int:
        """Return the size after decoding; nothing is allocated for it yet."""
        if not self.compressed:
            return len(self.data)
        size = zstd.content_size(self.data, offset=self.offset, field=self.field)
        if size == 0:
            raise Noncanonical(
                "empty-compressed",
                "An empty stream is stored, not compressed.",
                offset=self.offset,
                field=self.field,
            )
        return size

    def require_feature(self, feature: int, features: int) -> None:
        """Refuse a stream that uses `feature` if it is not among the file's required `features`."""
        if not features & feature:
            raise Malformed(
                "feature-undeclared",
                f"A stream uses the feature {layout.FEATURE_NAMES[feature]}, which HEAD does not "
                "require.",
                offset=self.offset,
                field=self.field,
            )

    def decode(self, size: int) -> bytes:
        """Return the decoded bytes; `size` is what `decoded_size` returned."""
        if not self.compressed:
            return bytes(self.data)
        return zstd.decompress(self.data, size, offset=self.offset, field=self.field)


@dataclass(frozen=True)
class Packed:
    """A stream that is ready to be written."""

    stored: bytes
    compressed: bool
    decoded_size: int


def pack(parts: Sequence[bytes]) -> Packed:
    """Return the stream that `parts` make up in its smaller form; stored bytes win a tie.

    The decoded stream is the parts in a row. Where one ends and the next begins is a hint for the
    compressor only: what differs in kind is better compressed apart.
    """
    data = b"".join(parts)
    if data:
        frame = zstd.compress(parts)
        if len(frame) < len(data):
            return Packed(frame, True, len(data))
    return Packed(data, False, len(data))
