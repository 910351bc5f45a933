"""Zstandard frames made by hand (RFC 8878), without a compressor."""

from __future__ import annotations

MAGIC = b"\x28\xb5\x2f\xfd"
RAW, RUN, COMPRESSED, RESERVED = range(4)
LARGEST_BLOCK = 128 * 1024


def block(kind: int, size: int, content: bytes, *, last: bool = True) -> bytes:
    """Return one block: its header and its content."""
    return (last | kind << 1 | size << 3).to_bytes(3, "little") + content


def raw(content: bytes, *, last: bool = True) -> bytes:
    """Return a block that holds `content` as it is."""
    return block(RAW, len(content), content, last=last)


def run(octet: int, count: int, *, last: bool = True) -> bytes:
    """Return blocks that repeat one byte, each as large as a block may be."""
    out = b""
    while count > LARGEST_BLOCK:
        out += block(RUN, LARGEST_BLOCK, bytes([octet]), last=False)
        count -= LARGEST_BLOCK
    return out + block(RUN, count, bytes([octet]), last=last)


def frame(
    blocks: bytes,
    size: int,
    *,
    descriptor: int | None = None,
    fields: bytes | None = None,
    magic: bytes = MAGIC,
) -> bytes:
    """Return a single-segment frame that states `size`.

    Args:
        blocks: the frame's blocks.
        size: the stated content size.
        descriptor: the frame header descriptor, where it is not the one of `size`.
        fields: what follows the descriptor, where it is not just `size`.
        magic: the magic number.
    """
    if size < 256:
        code, stated = 0x20, size.to_bytes(1, "little")
    elif size < 65_536 + 256:
        code, stated = 0x60, (size - 256).to_bytes(2, "little")
    elif size < 2**32:
        code, stated = 0xA0, size.to_bytes(4, "little")
    else:
        code, stated = 0xE0, size.to_bytes(8, "little")
    code = code if descriptor is None else descriptor
    return magic + bytes([code]) + (stated if fields is None else fields) + blocks


def stored(content: bytes) -> bytes:
    """Return a frame of raw blocks that holds `content`."""
    pieces = [content[at : at + LARGEST_BLOCK] for at in range(0, len(content), LARGEST_BLOCK)]
    blocks = b"".join(
        raw(piece, last=number == len(pieces) - 1) for number, piece in enumerate(pieces)
    )
    return frame(blocks or raw(b""), len(content))
