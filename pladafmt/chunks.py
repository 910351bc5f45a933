"""Chunk framing: type, length, body, CRC-32 (specification, section 4)."""

from __future__ import annotations

import zlib
from typing import ClassVar, NamedTuple

from . import layout, varint
from .errors import Corrupt, Malformed, Noncanonical, PladaError, Unsupported
from .stored import StoredBytes

_PIECE = 1 << 20
"""Bytes of a chunk that are in memory while the CRC of one in a large file is computed."""


class Header(NamedTuple):
    """The type and length of a chunk, and where its parts lie in the file."""

    type: int
    offset: int
    body: int
    end: int
    """Offset of the CRC, which is where the body ends."""

    @property
    def name(self) -> str:
        """The chunk's name in the specification, or its type in hex."""
        return layout.CHUNK_NAMES.get(self.type, f"chunk 0x{self.type:02X}")

    @property
    def ancillary(self) -> bool:
        """Whether a reader may ignore this chunk."""
        return bool(self.type & layout.ANCILLARY)

    @property
    def after(self) -> int:
        """Offset of the first byte after the chunk."""
        return self.end + 4


_RESERVED_TYPES = frozenset(
    kind
    for kind in range(256)
    if kind & layout.RESERVED_TYPE_BIT
    or not kind & 0x1F
    or (kind & layout.SAFE_TO_COPY and not kind & layout.ANCILLARY)
)


def read_header(data: bytes | StoredBytes, offset: int) -> Header:
    """Read the type and the length of the chunk at `offset`; bounds are not yet checked."""
    if offset >= len(data):
        raise Malformed(
            "truncated", "The file ends before an END chunk; get it again.", offset=offset
        )
    kind = data[offset]
    if kind in _RESERVED_TYPES:
        raise Malformed(
            "chunk-type", f"The chunk type 0x{kind:02X} uses a reserved value.", offset=offset
        )
    try:
        length, body = varint.read(data, offset + 1)
    except PladaError as error:
        raise type(error)(
            error.code, error.problem, offset=error.offset, field="chunk length"
        ) from None
    return Header(kind, offset, body, body + length)


def check_bounds(data: bytes | StoredBytes, header: Header) -> None:
    """Refuse a chunk that reaches beyond the end of the file."""
    if header.after > len(data):
        raise Malformed(
            "truncated",
            f"The file ends at byte {len(data)}, inside a {header.name} chunk that needs "
            f"{header.after - len(data)} more; get it again.",
            offset=header.offset,
            field=header.name,
        )


def check_crc(data: bytes | StoredBytes, header: Header, head_crc: int) -> int:
    """Check a chunk's CRC-32 and return it.

    Critical chunks continue the CRC of HEAD (`head_crc`; 0 for HEAD itself), which binds them to
    their file: a block of another payload, or one planted inside metadata, does not fit.
    """
    seed = 0 if header.ancillary else head_crc
    computed = _crc32(data, header.offset, header.end, seed)
    stored = int.from_bytes(data[header.end : header.after], "little")
    if computed != stored:
        raise Corrupt(
            "crc-mismatch",
            f"The CRC-32 of a {header.name} chunk does not fit; the file was damaged or spliced, "
            "get it again.",
            offset=header.end,
            field=f"{header.name}.crc",
        )
    return computed


def _crc32(data: bytes | StoredBytes, start: int, end: int, crc: int) -> int:
    if isinstance(data, StoredBytes):
        for at in range(start, end, _PIECE):
            crc = zlib.crc32(data[at : min(at + _PIECE, end)], crc)
        return crc
    return zlib.crc32(memoryview(data)[start:end], crc)


def notes(kind: int, size: int, crc: int) -> tuple[str, str, str]:
    """Return what type, length and CRC of a chunk say, in a few words, for people."""
    return f"0x{kind:02X}", f"{size} bytes", f"{crc:08x}"


def write(kind: int, body: bytes, head_crc: int = 0) -> bytes:
    """Return a whole chunk."""
    start = layout.build(layout.CHUNK_HEADER, type=kind, length=len(body)) + body
    seed = 0 if kind & layout.ANCILLARY else head_crc
    return start + layout.build(layout.CHUNK_TRAILER, crc=zlib.crc32(start, seed))


def is_known(kind: int, features: int) -> bool:
    """Whether chunks of this type have a meaning in a file that requires these features."""
    return kind in layout.CHUNK_NAMES and (
        kind != layout.RULE or bool(features & layout.FEATURE_RULE)
    )


class Order:
    """The order of chunks: HEAD, CLASSES, META, RULE, BLOCK..., SIGN, END.

    Other ancillary chunks may come in between, but not after SIGN.
    """

    RANK: ClassVar = {
        layout.HEAD: 0,
        layout.CLASSES: 1,
        layout.METADATA: 2,
        layout.RULE: 3,
        layout.BLOCK: 4,
        layout.SIGNATURE: 5,
        layout.END: 6,
    }

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._rank = -1
        self._signed = False
        self._last = -1

    def check(self, header: Header, features: int) -> None:
        """Refuse a chunk that may not come here; called for each chunk in turn.

        Args:
            features: what HEAD requires; for HEAD itself, 0.
        """
        if header.type == self._last == layout.BLOCK:
            return  # What was in order for one block is so for the next.
        self._last = header.type
        if self._rank < 0 and header.type != layout.HEAD:
            raise Malformed(
                "head-missing",
                "The first chunk is not HEAD.",
                offset=header.offset,
                field=header.name,
            )
        if not header.ancillary and not is_known(header.type, features):
            raise Unsupported(
                "unknown-critical-chunk",
                f"The file needs a chunk of type 0x{header.type:02X}, which this reader does not "
                "know; use a newer reader.",
                offset=header.offset,
            )
        if header.type in self._seen and header.type != layout.BLOCK:
            raise Malformed(
                "chunk-duplicate",
                f"A second {header.name} chunk.",
                offset=header.offset,
                field=header.name,
            )
        self._seen.add(header.type)
        if self._signed and header.type != layout.END:
            raise Malformed(
                "signature-place",
                f"A {header.name} chunk follows the SIGN chunk, so no signature covers it; only "
                "END may follow it.",
                offset=header.offset,
                field=header.name,
            )
        self._signed = header.type == layout.SIGNATURE
        rank = self.RANK.get(header.type, self._rank)
        if rank < self._rank:
            raise Noncanonical(
                "chunk-order",
                f"A {header.name} chunk comes too late; the order is HEAD, CLASSES, META, RULE, "
                "BLOCKs, SIGN, END.",
                offset=header.offset,
                field=header.name,
            )
        self._rank = rank
