"""The strict Zstandard profile: one plain frame that says its size (specification, section 7.2).

Zstandard decoders accept much more: further frames, skippable frames, frames without a size, with
a dictionary, with a window of gigabytes; several libraries drop a second frame without a word. So
the frame is examined here (RFC 8878, section 3.1.1) before a decoder sees it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import zstandard

from .errors import Malformed
from .limits import MAX_ZSTD_WINDOW
from .threads import share_out

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = range(0x184D2A50, 0x184D2A60)
BLOCK_TYPE_RLE = 1
BLOCK_TYPE_RESERVED = 3
MAX_BLOCK = 128 * 2**10
MAX_WINDOW_LOG = MAX_ZSTD_WINDOW.bit_length() - 1


def content_size(frame: memoryview, *, offset: int, field: str) -> int:
    """Return the decoded size that a frame declares, once it has passed the profile's checks.

    Args:
        frame: the stored stream, which must be exactly one frame.
        offset: where it starts in the file, for errors.
        field: the stream's name, for errors.
    """

    def refuse(code: str, problem: str, at: int = 0) -> Malformed:
        return Malformed(code, f"{problem} in a Zstd stream.", offset=offset + at, field=field)

    if len(frame) < 5:
        raise refuse("zstd-frame", "The frame header is cut short")
    if bytes(frame[:4]) != MAGIC:
        if int.from_bytes(frame[:4], "little") in SKIPPABLE:
            raise refuse("zstd-skippable", "A skippable frame stands")
        raise refuse("zstd-frame", "No Zstandard frame starts")
    descriptor = frame[4]
    if descriptor & 0x08:
        raise refuse("zstd-frame", "A reserved bit is set in the frame header", 4)
    if descriptor & 0x04:
        raise refuse("zstd-checksum", "A content checksum is announced", 4)
    single_segment = bool(descriptor & 0x20)
    size_bytes = (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    if descriptor & 0x03:
        raise refuse("zstd-dictionary", "A dictionary id stands in the frame header", 4)
    if size_bytes == 0:
        raise refuse("zstd-no-size", "The frame header has no content size", 4)
    at = 5 if single_segment else 6
    body = at + size_bytes
    if len(frame) < body:
        raise refuse("zstd-frame", "The frame header is cut short")
    size = int.from_bytes(frame[at:body], "little") + (256 if size_bytes == 2 else 0)
    if single_segment:
        window = size
    else:
        base = 1 << (10 + (frame[5] >> 3))
        window = base + (base >> 3) * (frame[5] & 7)
    if not min(size, MAX_ZSTD_WINDOW) <= window <= MAX_ZSTD_WINDOW:
        # A match may reach beyond a smaller window; decoders differ in what they make of that.
        raise refuse(
            "zstd-window",
            f"A window of {window} bytes for {size} (it has to cover them, up to 8 MiB) stands",
            4,
        )
    largest = min(window, MAX_BLOCK)
    at, last = body, False
    while not last:
        if at + 3 > len(frame):
            raise refuse("zstd-frame", "A block header is cut short", at)
        header = int.from_bytes(frame[at : at + 3], "little")
        last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == BLOCK_TYPE_RESERVED or length > largest:
            # Decoders differ here: libzstd takes large blocks in one call and not piece by piece.
            raise refuse("zstd-block", "A block of the reserved type, or too large, stands", at)
        end = at + 3 + (1 if kind == BLOCK_TYPE_RLE else length)
        if end > len(frame):
            raise refuse("zstd-frame", "A block is cut short", at)
        at = end
    if at < len(frame):
        raise refuse("zstd-trailing", "Bytes follow the frame", at)
    return size


_thread = threading.local()


def _decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor: to make one takes as long as to decode ten small frames.

    It may not be used by two threads at once.
    """
    try:
        found: zstandard.ZstdDecompressor = _thread.decompressor
    except AttributeError:
        found = _thread.decompressor = zstandard.ZstdDecompressor()
    return found


def decompress(frame: memoryview, size: int, *, offset: int, field: str) -> bytes:
    """Decode a frame that `content_size` has accepted and that declares `size` bytes."""
    try:
        # With a content size in the header the library decodes into a buffer of just that size
        # and refuses a frame that holds more or less.
        decoded: bytes = _decompressor().decompress(frame)
    except zstandard.ZstdError as error:
        raise Malformed(
            "zstd-corrupt",
            "A Zstd stream does not decode to its declared size.",
            offset=offset,
            field=field,
        ) from error
    if len(decoded) != size:
        raise Malformed(
            "zstd-corrupt",
            "A Zstd stream does not decode to its declared size.",
            offset=offset,
            field=field,
        )
    return decoded


def compress(parts: Sequence[bytes]) -> bytes:
    """Return the bytes of `parts` as one frame within the profile, the smallest of a few tries.

    Each part starts a new Zstd block and so gets its own Huffman table. One of the settings looks
    for long matches only and leaves the rest to the entropy coder, which suits streams that are
    close to noise; measured in benchmarks/payload_size.py.
    """
    apart = share_out if sum(map(len, parts)) >= LARGE else map
    return min(apart(lambda settings: _compress(parts, settings), _SETTINGS), key=len)


LARGE = 2**18
"""Bytes whose compression takes tens of milliseconds."""


_SETTINGS: tuple[dict[str, int], ...] = (
    {"level": 22},
    {"level": 22, "min_match": 6, "strategy": zstandard.STRATEGY_BTOPT},
    {
        "level": 1,
        "chain_log": 6,
        "hash_log": 6,
        "search_log": 1,
        "min_match": 7,
        "strategy": zstandard.STRATEGY_FAST,
    },
)


def _compress(parts: Sequence[bytes], settings: dict[str, int]) -> bytes:
    changes = dict(settings)
    size = sum(map(len, parts))
    parameters = zstandard.ZstdCompressionParameters.from_level(
        changes.pop("level"),
        source_size=size,
        window_log=min(MAX_WINDOW_LOG, max(10, (size - 1).bit_length())),
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
        **changes,
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
    out: list[bytes] = []
    for part in filter(None, parts):
        if out:
            out.append(compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        out.append(compressor.compress(part))
    out.append(compressor.flush())
    return b"".join(out)
