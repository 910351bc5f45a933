"""Files from their parts, right or wrong: what the vectors' generators are written with.

A `Draft` starts as a valid file. A generator changes one thing in it; checksums, counts, features
and sizes follow unless the generator pins them as well. Everything is encoded by the programs of
the specification's appendix B. Nothing here compresses: Zstd frames are made by hand or quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

from . import appendix_b as spec

MAGIC = bytes.fromhex("89504C4144410D0A")
HEAD, CLASSES, BLOCK, END, RULE, SIGN, META = 0x01, 0x02, 0x03, 0x04, 0x05, 0x82, 0xC1
NAMES = {
    HEAD: "HEAD",
    CLASSES: "CLASSES",
    BLOCK: "BLOCK",
    END: "END",
    RULE: "RULE",
    SIGN: "SIGN",
    META: "META",
}

BITMAP, DELTA, RLE, DENSE = range(4)
ZSTD, WEIGHTS, DENSE_FEATURE, RULE_FEATURE = 1, 2, 4, 16
POSITIONS_ZSTD, LABELS_ZSTD, WEIGHTS_ZSTD = 4, 8, 16


def varint(value: int) -> bytes:
    """Return the varint of `value`."""
    return bytes(spec.write_varint(value))


@dataclass(frozen=True)
class Meaning:
    """What a payload means (specification, section 3).

    `names` and `identifiers` are lists of UTF-8, `scale` is (bits, low, step).
    """

    pool_id: bytes = bytes(range(32))
    pool_size: int = 1000
    classes: int = 2
    names: tuple[bytes, ...] | None = (b"cat", b"dog")
    identifiers: tuple[bytes, ...] | None = None
    scale: tuple[int, int, int] | None = None
    positions: tuple[int, ...] = (3, 4, 5, 300, 301)
    labels: tuple[int, ...] = (0, 0, 1, 1, 0)
    codes: tuple[int, ...] | None = None

    @property
    def content_id(self) -> bytes:
        """The 32-byte content id, by the program of appendix B.6."""
        found: bytes = spec.content_id(
            (self.pool_id, self.pool_size),
            self.classes,
            None if self.names is None else list(self.names),
            None if self.identifiers is None else list(self.identifiers),
            self.scale,
            self.positions,
            self.labels,
            self.codes,
        )
        return found


EXAMPLE = Meaning()
"""The specification's worked example."""


@dataclass
class Stream:
    """A stream as it is stored; `size` is its decoded size, that of `stored` when None."""

    stored: bytes
    compressed: bool = False
    size: int | None = None

    @property
    def decoded_size(self) -> int:
        """The size that `max_stream` has to count."""
        return len(self.stored) if self.size is None else self.size


@dataclass
class Chunk:
    """A chunk as named parts; what is None is computed."""

    kind: int
    parts: dict[str, bytes] = field(default_factory=dict)
    length: bytes | None = None
    crc: int | None = None
    seeded: bool | None = None

    @property
    def body(self) -> bytes:
        """The parts in a row."""
        return b"".join(self.parts.values())


@dataclass
class Block:
    """A block; `raw` replaces the bytes of single fields, `tail` follows the last stream."""

    first: int
    span: int
    count: int
    encoding: int
    positions: Stream
    labels: Stream
    weights: Stream | None = None
    shift: int = 0
    form: int | None = None
    raw: dict[str, bytes] = field(default_factory=dict)

    @property
    def streams(self) -> list[Stream]:
        """The streams in file order."""
        return [each for each in (self.positions, self.labels, self.weights) if each is not None]

    @property
    def features(self) -> int:
        """The features that the block uses."""
        used = ZSTD if any(stream.compressed for stream in self.streams) else 0
        if self.weights is not None:
            used |= WEIGHTS
        return used | (DENSE_FEATURE if self.shift or self.encoding == DENSE else 0)

    def chunk(self) -> Chunk:
        """Return the block's chunk."""
        form = self.form
        if form is None:
            form = self.encoding | self.shift << 5
            for stream, flag in zip(
                self.streams, (POSITIONS_ZSTD, LABELS_ZSTD, WEIGHTS_ZSTD), strict=False
            ):
                form |= flag if stream.compressed else 0
        parts = {
            "first": varint(self.first),
            "span": varint(self.span),
            "count": varint(self.count),
            "form": bytes([form]),
            "positions_size": varint(len(self.positions.stored)),
        }
        if self.weights is not None:
            parts["labels_size"] = varint(len(self.labels.stored))
        parts |= {"positions": self.positions.stored, "labels": self.labels.stored}
        if self.weights is not None:
            parts["weights"] = self.weights.stored
        return Chunk(BLOCK, parts | self.raw)


@dataclass
class Draft:
    """A file in the making.

    Attributes:
        meaning: what the file says; its content id gives `check`.
        blocks: the blocks.
        head: replaces the bytes of single fields of HEAD; unknown names are appended.
        chunks: everything between HEAD and the blocks.
        after: everything between the blocks and END.
        preamble: magic and major version.
        end: the END chunk, or None to leave it out.
        trailing: bytes after END.
    """

    meaning: Meaning = EXAMPLE
    blocks: list[Block] = field(default_factory=list)
    head: dict[str, bytes] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    after: list[Chunk] = field(default_factory=list)
    preamble: bytes = MAGIC + b"\x01"
    end: Chunk | None = field(default_factory=lambda: Chunk(END))
    head_chunk: Chunk | None = None
    trailing: bytes = b""

    @property
    def block(self) -> Block:
        """The only block."""
        (only,) = self.blocks
        return only

    def chunk(self, kind: int) -> Chunk:
        """Return the chunk of this type."""
        return next(each for each in (*self.chunks, *self.after) if each.kind == kind)

    def _head(self) -> Chunk:
        if self.head_chunk is not None:
            return self.head_chunk
        meaning = self.meaning
        features = 0
        for block in self.blocks:
            features |= block.features
        for chunk in self.chunks:
            if chunk.kind == CLASSES and chunk.parts.get("form", b"\0")[0] & 1:
                features |= ZSTD
        if meaning.scale is not None:
            features |= WEIGHTS
        kept = sum(block.count for block in self.blocks)
        if any(chunk.kind == RULE and "codes_id" in chunk.parts for chunk in self.chunks):
            features |= RULE_FEATURE
            kept = len(meaning.positions)
        streams = [stream.decoded_size for block in self.blocks for stream in block.streams]
        parts = {
            "pool_id": meaning.pool_id,
            "pool_size": varint(meaning.pool_size),
            "kept": varint(kept),
            "classes": varint(meaning.classes),
            "features": varint(features),
            "max_stream": varint(max(streams, default=0)),
            "check": meaning.content_id[:4],
        }
        if meaning.scale is not None:
            bits, low, step = meaning.scale
            parts["weight_scale"] = (
                bytes([bits]) + (low % 65536).to_bytes(2, "little") + step.to_bytes(2, "little")
            )
        return Chunk(HEAD, parts | self.head)

    def build(self) -> Made:
        """Return the file's bytes, and where each part of it lies."""
        made = Made()
        made.add("preamble.magic", self.preamble[:8])
        made.add("preamble.major", self.preamble[8:])
        head = self._head()
        made.add_chunk("HEAD", head, 0)
        blocks = [block.chunk() for block in self.blocks]
        end = [] if self.end is None else [self.end]
        number = 0
        for chunk in (*self.chunks, *blocks, *self.after, *end):
            name = NAMES.get(chunk.kind, f"chunk {chunk.kind:02X}")
            if chunk.kind == BLOCK:
                name, number = f"BLOCK {number}", number + 1
            made.add_chunk(name, chunk, made.head_crc)
        made.add("trailing", self.trailing)
        return made


@dataclass
class Made:
    """The bytes of a file, and the half-open range of each named part."""

    data: bytes = b""
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)
    head_crc: int = 0

    def add(self, name: str, octets: bytes) -> None:
        """Append a part."""
        if octets:
            # A second chunk of one name is told apart by a prime.
            while name in self.ranges:
                name = name.replace(".", "'.", 1)
            self.ranges[name] = (len(self.data), len(self.data) + len(octets))
        self.data += octets

    def add_chunk(self, name: str, chunk: Chunk, head_crc: int) -> None:
        """Append a chunk with its CRC."""
        start = len(self.data)
        length = varint(len(chunk.body)) if chunk.length is None else chunk.length
        self.add(f"{name}.type", bytes([chunk.kind]))
        self.add(f"{name}.length", length)
        for part, octets in chunk.parts.items():
            self.add(f"{name}.{part}", octets)
        seeded = not chunk.kind & 0x80 if chunk.seeded is None else chunk.seeded
        right = crc32(self.data[start:], head_crc if seeded else 0)
        if chunk.kind == HEAD and start == 9:
            self.head_crc = crc32(self.data[start:])
            right = self.head_crc
        crc = right if chunk.crc is None else chunk.crc
        self.add(f"{name}.crc", crc.to_bytes(4, "little"))

    def stale(self, part: str) -> bytes:
        """Return the file with the CRC of the chunk that holds `part` left wrong."""
        owner = part.split(".")[0]
        start, end = self.ranges[f"{owner}.crc"]
        wrong = bytes(octet ^ 0xFF for octet in self.data[start:end])
        return self.data[:start] + wrong + self.data[end:]


def class_map(meaning: Meaning) -> bytes:
    """Return the decoded text of the class map."""
    texts = (*(meaning.names or ()), *(meaning.identifiers or ()))
    return b"".join(bytes([len(text)]) + text for text in texts)


def names_chunk(text: bytes, form: int = 0) -> Chunk:
    """Return a CLASSES chunk."""
    return Chunk(CLASSES, {"form": bytes([form]), "text": text})


def metadata_chunk(text: bytes, form: int = 0) -> Chunk:
    """Return a META chunk."""
    return Chunk(META, {"form": bytes([form]), "text": text})


def block_of(
    meaning: Meaning,
    encoding: int = RLE,
    *,
    images: slice = slice(None),
    shift: int = 0,
) -> Block:
    """Return a block that holds these images of `meaning`, everything stored."""
    positions = list(meaning.positions[images])
    labels = list(meaning.labels[images])
    first, span = positions[0], positions[-1] - positions[0] + 1
    relative = [position - first for position in positions]
    stream = {
        BITMAP: lambda: spec.write_bitmap(relative, span),
        DELTA: lambda: spec.write_delta(relative),
        RLE: lambda: spec.write_rle(relative),
        DENSE: lambda: spec.write_dense_positions(relative),
    }[encoding]()
    if shift:
        label_stream = spec.write_dense_labels(labels, relative, meaning.classes, shift)
    else:
        label_stream = spec.write_labels(labels, meaning.classes)
    weights = None
    if meaning.scale is not None and meaning.codes is not None:
        weights = Stream(spec.write_codes(list(meaning.codes[images]), meaning.scale[0]))
    return Block(
        first,
        span,
        len(positions),
        encoding,
        Stream(stream),
        Stream(label_stream),
        weights,
        shift,
    )


def draft(
    meaning: Meaning = EXAMPLE,
    encoding: int = RLE,
    *,
    parts: Sequence[slice] = (slice(None),),
    shift: int = 0,
) -> Draft:
    """Return a valid file of `meaning`, with one block for each of `parts`."""
    made = Draft(meaning)
    if meaning.names is not None:
        made.chunks.append(names_chunk(class_map(meaning), 0 if meaning.identifiers is None else 2))
    if meaning.positions:
        made.blocks = [block_of(meaning, encoding, images=images, shift=shift) for images in parts]
    return made


def changed(meaning: Meaning = EXAMPLE, **changes: Any) -> Meaning:
    """Return `meaning` with some fields changed."""
    return replace(meaning, **changes)
