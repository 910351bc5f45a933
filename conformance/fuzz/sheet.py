"""A file as a list of chunks with named parts, to be changed at will and put together again.

Any bytes can be taken apart: what cannot be read as fields stays in one piece. Putting the sheet
together gives the same bytes back, or, with checksums left to be computed, repaired ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from .. import appendix_b as spec
from ..build import (
    BLOCK,
    CLASSES,
    DENSE,
    DENSE_FEATURE,
    END,
    HEAD,
    LABELS_ZSTD,
    META,
    POSITIONS_ZSTD,
    RULE,
    RULE_FEATURE,
    SIGN,
    WEIGHTS,
    WEIGHTS_ZSTD,
    ZSTD,
    Chunk,
    varint,
)

PREAMBLE = 9
STREAMS = {"positions": POSITIONS_ZSTD, "labels": LABELS_ZSTD, "weights": WEIGHTS_ZSTD}
"""The streams of a block, and the bit of its form that says that each is compressed."""

_HEAD_FIELDS = ("pool_size", "kept", "classes", "features", "max_stream")


@dataclass
class Sheet:
    """A file's preamble, its chunks, and what follows the last one that could be read.

    `codes` are those that the file is read with, or None.
    """

    preamble: bytes
    chunks: list[Chunk]
    trailing: bytes = b""
    codes: Sequence[bytes] | None = None

    def copy(self) -> Sheet:
        """Return a sheet that can be changed without changing this one."""
        copies = [
            Chunk(each.kind, dict(each.parts), each.length, each.crc, each.seeded)
            for each in self.chunks
        ]
        return Sheet(self.preamble, copies, self.trailing, self.codes)

    def unpin(self) -> Sheet:
        """Leave all checksums to be computed; return the sheet."""
        for chunk in self.chunks:
            chunk.crc = None
        return self

    def build(self) -> bytes:
        """Return the file's bytes."""
        out, seed = [self.preamble], 0
        for number, chunk in enumerate(self.chunks):
            body = b"".join(chunk.parts.values())
            length = varint(len(body)) if chunk.length is None else chunk.length
            octets = b"".join((bytes((chunk.kind,)), length, body))
            seeded = not chunk.kind & 0x80 if chunk.seeded is None else chunk.seeded
            crc = crc32(octets, seed if seeded else 0)
            if number == 0:
                seed = crc
            out += (octets, (crc if chunk.crc is None else chunk.crc).to_bytes(4, "little"))
        out.append(self.trailing)
        return b"".join(out)

    @property
    def head(self) -> Chunk | None:
        """HEAD, if it comes first and its fields could be read."""
        if self.chunks and self.chunks[0].kind == HEAD and "kept" in self.chunks[0].parts:
            return self.chunks[0]
        return None

    @property
    def rule(self) -> Chunk | None:
        """The first RULE, if its fields could be read."""
        found = self.find(RULE)
        return found if found and "stream" in found.parts else None

    @property
    def blocks(self) -> list[Chunk]:
        """The blocks whose fields could be read."""
        return [
            each
            for each in self.chunks
            if each.kind == BLOCK and "labels" in each.parts and each.parts["form"]
        ]

    def find(self, kind: int) -> Chunk | None:
        """Return the first chunk of a type, or None."""
        return next((each for each in self.chunks if each.kind == kind), None)

    @property
    def images(self) -> int:
        """How many images the blocks claim to keep: what reading them may cost."""
        return sum(value_of(each.parts.get("count", b"")) for each in self.blocks)


def take_apart(data: bytes, codes: Sequence[bytes] | None = None) -> Sheet:
    """Return the sheet of any bytes, which are read with `codes`; `build` gives them back.

    Checksums that fit stay to be computed, others are kept as they are.
    """
    chunks: list[Chunk] = []
    at, seed, weighted = PREAMBLE, 0, False
    while at < len(data):
        try:
            length, start = spec.read_varint(data, at + 1)
        except spec.Refused:
            break
        end = start + length
        if end + 4 > len(data):
            break
        kind, body = data[at], data[start:end]
        stored = int.from_bytes(data[end : end + 4], "little")
        right = crc32(data[at:end], 0 if kind & 0x80 else seed)
        if not chunks:
            seed = right
        chunk = Chunk(kind, _parts(kind, body, weighted=weighted))
        chunk.crc = None if stored == right else stored
        if not chunks:
            weighted = "weight_scale" in chunk.parts
        chunks.append(chunk)
        at = end + 4
        if kind == END:
            break
    return Sheet(data[:PREAMBLE], chunks, data[at:], codes)


def _parts(kind: int, body: bytes, *, weighted: bool) -> dict[str, bytes]:
    try:
        if kind == HEAD and len(body) >= 32:
            return dict(_head_parts(body))
        if kind in (CLASSES, META) and body:
            return {"form": body[:1], "text": body[1:]}
        if kind == RULE and len(body) >= 10:
            _, end = spec.read_varint(body, 8)
            parts = {"codes_id": body[:8], "columns": body[8:end], "scale": body[end : end + 1]}
            return parts | {"stream": body[end + 1 :]}
        if kind == BLOCK:
            return dict(_block_parts(body, weighted=weighted))
    except spec.Refused:
        pass
    if kind == SIGN and len(body) == 72:
        return {"key_id": body[:8], "signature": body[8:]}
    return {"body": body} if body else {}


def _head_parts(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "pool_id", body[:32]
    at = 32
    for name in _HEAD_FIELDS:
        _, end = spec.read_varint(body, at)
        yield name, body[at:end]
        at = end
    yield "check", body[at : at + 4]
    if body[at + 4 :]:
        yield "weight_scale", body[at + 4 :]


def _block_parts(body: bytes, *, weighted: bool) -> Iterator[tuple[str, bytes]]:
    at = 0
    sizes = {}
    for name in ("first", "span", "count", "form", "positions_size", "labels_size"):
        if name == "labels_size" and not weighted:
            break
        value, end = 0, at + 1
        if name != "form":
            value, end = spec.read_varint(body, at)
        if end > len(body):
            spec.refuse("body-short")
        sizes[name] = value
        yield name, body[at:end]
        at = end
    for name in ("positions", "labels"):
        if f"{name}_size" in sizes:
            end = at + sizes[f"{name}_size"]
            if end > len(body):
                spec.refuse("block-streams")
            yield name, body[at:end]
            at = end
    yield ("weights" if weighted else "labels"), body[at:]


def value_of(octets: bytes) -> int:
    """Return the value of a varint, or 0 of what is none."""
    try:
        return int(spec.read_varint(octets, 0)[0])
    except spec.Refused:
        return 0


def is_compressed(chunk: Chunk, stream: str) -> bool:
    """Return whether a stream of a block, or the text of another chunk, is compressed."""
    flag = STREAMS.get(stream, 1)
    return bool((chunk.parts.get("form") or b"\0")[0] & flag)


def put_stream(chunk: Chunk, stream: str, stored: bytes, compressed: bool | None = None) -> None:
    """Replace a stream; the size in the block follows, and so does its form if `compressed`."""
    chunk.parts[stream] = stored
    if f"{stream}_size" in chunk.parts:
        chunk.parts[f"{stream}_size"] = varint(len(stored))
    form = chunk.parts.get("form")
    if compressed is not None and form:
        flag = STREAMS.get(stream, 1)
        changed = form[0] | flag if compressed else form[0] & ~flag
        chunk.parts["form"] = bytes((changed,)) + form[1:]


def settle(sheet: Sheet) -> None:
    """Have HEAD state what the chunks after it hold: images, features, the largest stream.

    What a rule keeps takes more than the chunks: beside one, HEAD keeps its number of images.
    """
    head = sheet.head
    if head is None:
        return
    features = WEIGHTS if "weight_scale" in head.parts else 0
    largest = 0
    classes = sheet.find(CLASSES)
    if classes is not None and is_compressed(classes, "text"):
        features |= ZSTD
    for block in sheet.blocks:
        form = block.parts["form"][0]
        if form & 3 == DENSE or form >> 5:
            features |= DENSE_FEATURE
        for stream in STREAMS:
            stored = block.parts.get(stream)
            if stored is None:
                continue
            size = len(stored)
            if is_compressed(block, stream):
                features |= ZSTD
                size = stated_size(stored)
            largest = max(largest, size)
    if sheet.rule is None:
        head.parts["kept"] = varint(sheet.images)
    else:
        features |= RULE_FEATURE
    head.parts["features"] = varint(features)
    head.parts["max_stream"] = varint(largest)


def stated_size(frame: bytes) -> int:
    """Return the size that a Zstandard frame states, or 0 if it breaks the profile."""
    try:
        return int(spec.zstd_size(frame))
    except (spec.Refused, IndexError):
        return 0
