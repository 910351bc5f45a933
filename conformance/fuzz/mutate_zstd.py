"""Changes to Zstandard frames that know where header and blocks are."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import zstandard

from .. import zstd_frames
from .fresh import frame

_MAGICS = (
    b"\x50\x2a\x4d\x18", b"\x5f\x2a\x4d\x18", b"\x4f\x2a\x4d\x18", b"\x60\x2a\x4d\x18",
    b"\x27\xb5\x2f\xfd", b"\x1e\xb5\x2f\xfd", b"\x37\xa4\x30\xec", b"\x28\xb5\x2f\xfc",
)  # fmt: skip
_SKIPPABLE = b"\x50\x2a\x4d\x18\x00\x00\x00\x00"


@dataclass
class _Block:
    last: int
    kind: int
    size: int
    content: bytes

    def build(self) -> bytes:
        header = self.last | self.kind << 1 | self.size << 3
        return (header % 2**24).to_bytes(3, "little") + self.content


@dataclass
class _Frame:
    """A frame whose parts can be changed on their own."""

    magic: bytes
    descriptor: int
    window: bytes
    size: bytes
    blocks: list[_Block]
    rest: bytes

    def build(self) -> bytes:
        header = self.magic + bytes([self.descriptor]) + self.window + self.size
        return header + b"".join(each.build() for each in self.blocks) + self.rest


def _parse(octets: bytes) -> _Frame | None:
    if len(octets) < 6:
        return None
    descriptor = octets[4]
    single = descriptor >> 5 & 1
    size_at = 6 - single
    at = size_at + (single, 2, 4, 8)[descriptor >> 6]
    blocks = []
    window, size = octets[5:size_at], octets[size_at:at]
    while at + 3 <= len(octets):
        header = int.from_bytes(octets[at : at + 3], "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        end = at + 3 + (1 if kind == zstd_frames.RUN else length)
        if end > len(octets):
            break
        blocks.append(_Block(last, kind, length, octets[at + 3 : end]))
        at = end
        if last:
            break
    return _Frame(octets[:4], descriptor, window, size, blocks, octets[at:])


def content_of(octets: bytes) -> bytes:
    """Return what a frame decodes to, or nothing if it does not, or to more than is worth it."""
    try:
        if zstandard.frame_content_size(octets) <= 2**20:
            return zstandard.ZstdDecompressor().decompress(octets)
    except zstandard.ZstdError:
        pass
    return b""


def change(random: Random, octets: bytes) -> bytes:
    """Return a frame with a change."""
    parsed = _parse(octets)
    if parsed is None:
        return octets + random.choice((b"\0", zstd_frames.stored(b""), zstd_frames.MAGIC))
    kind = random.randrange(10)
    if kind == 0:
        return frame(random, content_of(octets))
    if kind == 1:
        return octets[: random.randrange(len(octets))]
    if kind == 2:
        extra = (
            b"\0",
            b"\0\0\0",
            _SKIPPABLE,
            zstd_frames.stored(b"x"),
            random.randbytes(4),
            octets,
        )
        return octets + random.choice(extra)
    if kind == 3:
        return random.choice((_SKIPPABLE + octets, random.choice(_MAGICS) + octets[4:]))
    if kind <= 5:
        _change_header(random, parsed)
    elif kind <= 8 and parsed.blocks:
        _change_blocks(random, parsed)
    else:
        at = random.randrange(len(octets))
        return octets[:at] + bytes([octets[at] ^ 1 << random.randrange(8)]) + octets[at + 1 :]
    return parsed.build()


def _change_header(random: Random, parsed: _Frame) -> None:
    stated = int.from_bytes(parsed.size, "little") + (256 if len(parsed.size) == 2 else 0)
    kind = random.randrange(5)
    if kind == 0:
        parsed.descriptor ^= 1 << random.choice((0, 1, 2, 2, 3, 4, 5, 6, 7))
        if random.random() < 0.3 and parsed.descriptor & 4:
            parsed.rest += random.randbytes(4)
        return
    if kind == 1:
        stated = random.choice(
            (0, 1, stated - 1, stated + 1, 255, 256, 2**16, 2**23, 2**26 + 1, 2**32, 2**63)
        )
    elif kind == 2 and parsed.window:
        octet = parsed.window[0] + random.choice((-8, -1, 1, 8))
        parsed.window = bytes([random.choice((octet % 256, 0, 0x68, 0x69, 0x70, 0xFF))])
        return
    elif kind == 3:
        single = not parsed.descriptor & 0x20
        parsed.descriptor ^= 0x20
        least = max(0, (max(stated, 1) - 1).bit_length() - 10)
        log = random.choice((0, least, least + 1, 13, 14))
        parsed.window = b"" if single else bytes([min(log, 31) << 3 | random.choice((0, 0, 1, 7))])
    # The size in another, perhaps longer, spelling.
    code = random.choice((0, 1, 2, 3))
    parsed.descriptor = parsed.descriptor & 0x3F | code << 6
    length = (parsed.descriptor >> 5 & 1, 2, 4, 8)[code]
    value = stated - 256 if length == 2 else stated
    parsed.size = (value % 256**length).to_bytes(length, "little") if length else b""


def _change_blocks(random: Random, parsed: _Frame) -> None:
    blocks = parsed.blocks
    at = random.randrange(len(blocks))
    block = blocks[at]
    kind = random.randrange(9)
    if kind == 0:
        block.last ^= 1
    elif kind == 1:
        block.kind = random.randrange(4)
    elif kind == 2:
        sizes = (0, 1, block.size - 1, block.size + 1, 2**17, 2**17 + 1, 2**21 - 1)
        block.size = max(random.choice(sizes), 0)
    elif kind == 3:
        empty = random.choice((_Block(0, 0, 0, b""), _Block(0, 1, 0, b"x"), _Block(0, 2, 0, b"")))
        blocks.insert(at, empty)
    elif kind == 4:
        blocks.insert(at, _Block(0, block.kind, block.size, block.content))
    elif kind == 5:
        del blocks[at]
    elif kind == 6 and block.kind == zstd_frames.RAW and block.size > 1:
        cut = random.randrange(block.size)
        first = _Block(0, 0, cut, block.content[:cut])
        blocks[at : at + 1] = [first, _Block(block.last, 0, block.size - cut, block.content[cut:])]
    elif kind == 7 and block.kind == zstd_frames.RUN and block.size > 1:
        cut = random.randrange(block.size)
        first = _Block(0, 1, cut, block.content)
        blocks[at : at + 1] = [first, _Block(block.last, 1, block.size - cut, block.content)]
    elif block.content:
        place = random.randrange(len(block.content))
        octet = block.content[place] ^ 1 << random.randrange(8)
        block.content = block.content[:place] + bytes([octet]) + block.content[place + 1 :]
