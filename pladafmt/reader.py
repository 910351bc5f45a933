"""Strict reading, front to back; the order of checks is the specification's section 14."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field

from . import chunks, head, layout, signature_chunk
from .chunk_reader import ChunkReader
from .content import CHECK_BYTES, hash_content
from .errors import (
    Corrupt,
    LimitExceeded,
    Malformed,
    Mismatch,
    Noncanonical,
    Unsupported,
)
from .ledger import Ledger
from .limits import Limits
from .payload import Payload
from .rules.codes import Codes
from .rules.rule import Rule
from .sources import opened
from .stored import StoredBytes

_LONGEST_FIXED = 256
"""Bytes of HEAD, SIGN and END to look at: valid ones are shorter."""


def loads(data: bytes, *, limits: Limits | None = None, codes: Codes | None = None) -> Payload:
    """Return the payload in `data`, which is a whole `.plada` file.

    Args:
        data: the file's bytes.
        limits: bounds that are checked before anything is allocated; the specification's defaults
            when None.
        codes: what a file with a rule is read with: the codes of the pool's images.

    Raises:
        PladaError: for whatever is wrong with the bytes. No other exception escapes. `Mismatch` if
            the file has a rule, and `codes` are not those that it asks for.
    """
    return Reader(bytes(data), limits or Limits(), codes=codes).read()


def load(
    path: str | os.PathLike[str], *, limits: Limits | None = None, codes: Codes | None = None
) -> Payload:
    """Return the payload in the file at `path`; see `loads`.

    Of a large file no more than one chunk is in memory at a time, or a mebibyte of small ones.

    Raises:
        PladaError: for whatever is wrong with the file's bytes.
        OSError: if the file cannot be read.
    """
    with opened(path) as data:
        return Reader(data, limits or Limits(), codes=codes).read()


def read_rule(data: bytes, *, limits: Limits | None = None) -> Rule | None:
    """Return the rule in a `.plada` file, or None if it lists its images. No codes are needed.

    Raises:
        PladaError: for whatever is wrong with the bytes, as far as that can be told without codes.
    """
    reader = Reader(bytes(data), limits or Limits())
    with suppress(Mismatch):  # The rule is not evaluated.
        reader.read()
    contents = reader.contents
    assert contents is not None
    return None if contents.rule is None else contents.rule.rule


@dataclass
class Reader:
    """One reading of one file. What it has found out stays here when it stops at an error.

    Attributes:
        data: the file's bytes.
        limits: bounds that are checked before anything is allocated.
        codes: what a rule is evaluated with, or None.
        ledger: which part of the file owns which bytes, if that is wanted.
        contents: what HEAD and the chunks after it say, as far as they were read; None before HEAD.
        signature: the SIGN chunk, or None.
        content_id: what the file means, or None before that is known.
    """

    data: bytes | StoredBytes
    limits: Limits
    codes: Codes | None = None
    ledger: Ledger = field(default_factory=lambda: Ledger(wanted=False))
    contents: ChunkReader | None = None
    signature: signature_chunk.SignatureChunk | None = None
    content_id: bytes | None = None

    def read(self) -> Payload:
        """Read the whole file."""
        offset = self._read_preamble()
        order = chunks.Order()
        kind = None
        while kind != layout.END:
            header = chunks.read_header(self.data, offset)
            order.check(header, 0 if self.contents is None else self.contents.head.features)
            chunks.check_bounds(self.data, header)
            if self.contents is not None:
                self.contents.check_limits(header)
            # No chunk is read before HEAD, whose own CRC continues none.
            seed = 0 if self.contents is None else self.contents.head.crc
            crc = chunks.check_crc(self.data, header, seed)
            self._read_chunk(header, crc)
            offset = header.after
            kind = header.type
            if kind == layout.BLOCK and self.contents is not None:
                offset = self.contents.read_small_blocks(self.data, offset)
        payload = self._finish(offset)
        if offset != len(self.data):
            raise Malformed(
                "trailing-bytes",
                f"{len(self.data) - offset} bytes follow the END chunk.",
                offset=offset,
            )
        return payload

    def _read_preamble(self) -> int:
        size = int(layout.PREAMBLE.sizeof())
        magic = len(layout.MAGIC)
        if self.data[:magic] != layout.MAGIC[: len(self.data)]:
            raise Malformed(
                "bad-magic",
                "This is not a .plada file: it does not start with the signature.",
                offset=0,
                field="preamble",
            )
        if len(self.data) < size:
            raise Malformed(
                "truncated",
                "The file ends inside the preamble; get it again.",
                offset=len(self.data),
                field="preamble",
            )
        self.ledger.add("preamble.magic", 0, magic)
        self.ledger.add("preamble.major", magic, size, self.data[magic])
        if self.data[magic] != layout.MAJOR:
            raise Unsupported(
                "unknown-version",
                f"The file has format version {self.data[magic]}; this reader knows version 1.",
                offset=magic,
                field="preamble.major",
            )
        return size

    def _read_chunk(self, header: chunks.Header, crc: int) -> None:
        body = self._body(header)
        if self.ledger.wanted:
            self._note_frame(header, crc)
        if self.contents is None:
            first = head.read(body, header.body, crc, self.limits, self.ledger)
            self.contents = ChunkReader(first, self.limits, self.ledger)
        elif header.type == layout.BLOCK:
            self.contents.read_block(header, body)
        elif header.type == layout.CLASSES:
            self.contents.read_classes(header, body)
        elif header.type == layout.METADATA:
            self.contents.read_metadata(header, body)
        elif header.type == layout.RULE:
            self.contents.read_rule(header, body)
        elif header.type == layout.SIGNATURE:
            self.signature = signature_chunk.read(body, header, self.ledger)
        elif header.type != layout.END:
            self.ledger.add(f"{header.name}.body", header.body, header.end, "unknown, ancillary")
        elif body:
            raise Malformed(
                "body-long", "The END chunk has a body.", offset=header.body, field="END"
            )

    def _body(self, header: chunks.Header) -> bytes:
        """Return a chunk's body; of one that nobody reads, or of a fixed size, what is needed."""
        size = header.end - header.body
        if header.type in (layout.HEAD, layout.SIGNATURE, layout.END):
            size = min(size, _LONGEST_FIXED)
        elif header.type not in layout.CHUNK_NAMES:
            size = 0
        try:
            return self.data[header.body : header.body + size]
        except MemoryError:
            # A block has no limit of its own: Zstd frames may be padded with empty blocks. Nor has
            # a rule, whose stream is measured only by decoding it.
            raise LimitExceeded(
                "limit-stream",
                f"A {header.name} chunk of {size:,} bytes does not fit into memory.",
                offset=header.offset,
                field=header.name,
            ) from None

    def _note_frame(self, header: chunks.Header, crc: int) -> None:
        """Note what every chunk has around its body."""
        name = header.name if self.contents is None else self.contents.name_of(header)
        kind, length, checksum = chunks.notes(header.type, header.end - header.body, crc)
        self.ledger.add(f"{name}.type", header.offset, header.offset + 1, kind)
        self.ledger.add(f"{name}.length", header.offset + 1, header.body, length)
        self.ledger.add(f"{name}.crc", header.end, header.after, checksum)

    def _finish(self, end: int) -> Payload:
        """Check what only the whole file can tell, and put the payload together."""
        contents = self.contents
        assert contents is not None
        first = contents.head
        if contents.rule is None:
            _check_kept(contents.kept, first.kept, end)
        used = contents.used | (0 if first.weight_scale is None else layout.FEATURE_WEIGHTS)
        if used != first.features:
            unused = head.feature_names(first.features & ~used)
            raise Noncanonical(
                "feature-unused",
                f"HEAD requires features that the file does not use ({unused}).",
                offset=end,
                field="HEAD.features",
            )
        if contents.largest != first.max_stream:
            raise Noncanonical(
                "max-stream",
                f"HEAD declares a largest stream of {first.max_stream} bytes; it is "
                f"{contents.largest}.",
                offset=end,
                field="HEAD.max_stream",
            )
        payload, codes = contents.payload(self.codes)
        _check_kept(payload.kept, first.kept, end)
        self.content_id = hash_content(
            payload,
            first.weight_scale,
            codes,
            class_map=contents.class_map,
            labels=contents.label_hash.digest() if contents.rule is None else None,
        )
        if self.content_id[:CHECK_BYTES] != first.check:
            raise Corrupt(
                "content-check",
                "What the file means does not fit the check in HEAD; it was damaged, spliced or "
                "wrongly written, get it again.",
                offset=end,
                field="HEAD.check",
            )
        return payload


def _check_kept(kept: int, stated: int, end: int) -> None:
    if kept != stated:
        raise Malformed(
            "kept-total",
            f"The file keeps {kept} images; HEAD says {stated}.",
            offset=end,
            field="HEAD.kept",
        )
