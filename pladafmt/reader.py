"""Strict reading, front to back; the order of checks is the specification's section 14."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from construct import Struct

from . import chunks, classmap, head, layout, metadata, signature_chunk
from .blocks import read as block
from .blocks.encodings import NAMES
from .content import CHECK_BYTES, LabelHash, hash_content
from .errors import Corrupt, Malformed, Noncanonical, Unsupported
from .ledger import Ledger
from .limits import Limits
from .payload import Payload
from .streams import Stored


def loads(data: bytes, *, limits: Limits | None = None) -> Payload:
    """Return the payload in `data`, which is a whole `.plada` file.

    Args:
        data: the file's bytes.
        limits: bounds that are checked before anything is allocated; the specification's defaults
            when None.

    Raises:
        PladaError: for whatever is wrong with the bytes. No other exception escapes.
    """
    return Reader(bytes(data), limits or Limits()).read()


def load(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Payload:
    """Return the payload in the file at `path`; see `loads`.

    Raises:
        PladaError: for whatever is wrong with the file's bytes.
        OSError: if the file cannot be read.
    """
    with open(path, "rb") as file:
        return loads(file.read(), limits=limits)


@dataclass
class Reader:
    """One reading of one file. What it has found out stays here when it stops at an error."""

    data: bytes
    limits: Limits
    ledger: Ledger = field(default_factory=Ledger)
    head: head.Head | None = None
    names: tuple[str, ...] | None = None
    identifiers: tuple[str, ...] | None = None
    class_map: bytes | None = None
    metadata: dict[str, Any] | None = None
    blocks: list[block.Block] = field(default_factory=list)
    signature: signature_chunk.SignatureChunk | None = None
    label_hash: LabelHash = field(default_factory=LabelHash)
    kept_so_far: int = 0
    used: int = 0
    content_id: bytes | None = None

    def read(self) -> Payload:
        """Read the whole file."""
        offset = self._read_preamble()
        order = chunks.Order()
        kind = None
        while kind != layout.END:
            header = chunks.read_header(self.data, offset)
            order.check(header)
            chunks.check_bounds(self.data, header)
            self._check_chunk_limits(header)
            crc = chunks.check_crc(self.data, header, self.head.crc if self.head else 0)
            self._read_chunk(header, crc)
            offset = header.after
            kind = header.type
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

    def _check_chunk_limits(self, header: chunks.Header) -> None:
        """Refuse by a chunk's number or size alone, before its CRC is computed."""
        size = header.end - header.body
        if header.type == layout.BLOCK and len(self.blocks) >= self.limits.blocks:
            raise head.over_limit("blocks", self.limits.blocks, header.offset)
        # One byte more for the form; a stream that Zstd made larger would have been stored.
        if header.type == layout.CLASSES and size > self.limits.class_map + 1:
            raise head.over_limit("class_map", self.limits.class_map, header.offset)
        if header.type == layout.METADATA and size > self.limits.metadata + 1:
            raise head.over_limit("metadata", self.limits.metadata, header.offset)

    def _read_chunk(self, header: chunks.Header, crc: int) -> None:
        name = header.name
        if header.type == layout.BLOCK:
            name = f"BLOCK {len(self.blocks)}"
        body = self.data[header.body : header.end]
        self.ledger.add(f"{name}.type", header.offset, header.offset + 1, f"0x{header.type:02X}")
        self.ledger.add(f"{name}.length", header.offset + 1, header.body, f"{len(body)} bytes")
        self.ledger.add(f"{name}.crc", header.end, header.after, f"{crc:08x}")
        if header.type == layout.HEAD:
            self.head = head.read(body, header.body, crc, self.limits, self.ledger)
        elif header.type == layout.CLASSES:
            self._read_classes(header, body)
        elif header.type == layout.METADATA:
            self._read_metadata(header, body)
        elif header.type == layout.BLOCK:
            self._read_block(header, body, name)
        elif header.type == layout.SIGNATURE:
            self.signature = signature_chunk.read(body, header, self.ledger)
        elif header.type != layout.END:
            self.ledger.add(f"{name}.body", header.body, header.end, "unknown, ancillary")
        elif body:
            raise Malformed(
                "body-long", "The END chunk has a body.", offset=header.body, field="END"
            )

    def _read_classes(self, header: chunks.Header, body: bytes) -> None:
        assert self.head is not None
        text, form = self._read_text(
            header,
            body,
            layout.CLASSES_BODY,
            known=layout.FORM_ZSTD | layout.FORM_IDENTIFIERS,
            limit=("class_map", self.limits.class_map),
        )
        self.names, self.identifiers = classmap.decode(
            text,
            self.head.classes,
            with_identifiers=bool(form & layout.FORM_IDENTIFIERS),
            offset=header.body + 1,
        )
        self.class_map = text

    def _read_metadata(self, header: chunks.Header, body: bytes) -> None:
        text, _ = self._read_text(
            header,
            body,
            layout.METADATA_BODY,
            known=layout.FORM_ZSTD,
            limit=("metadata", self.limits.metadata),
        )
        self.metadata = metadata.decode(text, header.body + 1)

    def _read_text(
        self,
        header: chunks.Header,
        body: bytes,
        fields: Struct,
        *,
        known: int,
        limit: tuple[str, int],
    ) -> tuple[bytes, int]:
        """Return the decoded text of a CLASSES or META chunk, and its form."""
        assert self.head is not None
        name = header.name
        values, ranges = layout.parse(fields, body, offset=header.body, name=name)
        form = int(values.form)
        start = ranges["form"][1]
        self.ledger.add(f"{name}.form", header.body, start, f"0x{form:02X}")
        self.ledger.add(f"{name}.text", start, header.end)
        if form & ~known:
            raise Malformed(
                "text-form",
                f"The form 0x{form:02X} of a {name} chunk uses a reserved bit.",
                offset=header.body,
                field=f"{name}.form",
            )
        compressed = bool(form & layout.FORM_ZSTD)
        stream = Stored(memoryview(body)[1:], compressed, start, f"{name}.text")
        if compressed and not header.ancillary:
            # Ancillary text needs no feature: a reader without Zstd skips the chunk.
            block.require(layout.FEATURE_ZSTD, self.head.features, stream)
            self.used |= layout.FEATURE_ZSTD
        size = stream.decoded_size()
        what, most = limit
        if size > most:
            raise head.over_limit(what, most, start)
        return stream.decode(size), form

    def _read_block(self, header: chunks.Header, body: bytes, name: str) -> None:
        assert self.head is not None
        fields = block.read_fields(body, header.body, self.head)
        for key, (start, end) in fields.ranges.items():
            self.ledger.add(f"{name}.{key}", start, end, _block_note(fields, key))
        for stream in fields.streams:
            self.ledger.add(
                stream.field.replace("BLOCK", name),
                stream.offset,
                stream.offset + len(stream.data),
                "Zstd" if stream.compressed else "stored",
            )
        previous_end = self.blocks[-1].end if self.blocks else 0
        if fields.first < previous_end:
            raise Malformed(
                "block-order",
                f"A block starts at position {fields.first}, before the end of the one before it "
                f"at {previous_end}.",
                offset=fields.ranges["first"][0],
                field="BLOCK.first",
            )
        if self.kept_so_far + fields.count > self.head.kept:
            raise Malformed(
                "kept-total",
                f"The blocks so far keep {self.kept_so_far + fields.count} images; HEAD says "
                f"{self.head.kept}.",
                offset=fields.ranges["count"][0],
                field="BLOCK.count",
            )
        decoded = block.decode(fields, self.head, on_labels=self.label_hash.update)
        self.blocks.append(decoded)
        self.kept_so_far += fields.count
        self.used |= decoded.used

    def _finish(self, end: int) -> Payload:
        """Check what only the whole file can tell, and put the payload together."""
        assert self.head is not None
        if self.kept_so_far != self.head.kept:
            raise Malformed(
                "kept-total",
                f"The blocks keep {self.kept_so_far} images; HEAD says {self.head.kept}.",
                offset=end,
                field="HEAD.kept",
            )
        scale = self.head.weight_scale
        if scale is not None:
            self.used |= layout.FEATURE_WEIGHTS
        if self.used != self.head.features:
            unused = head.feature_names(self.head.features & ~self.used)
            raise Noncanonical(
                "feature-unused",
                f"HEAD requires features that the file does not use ({unused}).",
                offset=end,
                field="HEAD.features",
            )
        largest = max((each.largest for each in self.blocks), default=0)
        if largest != self.head.max_stream:
            raise Noncanonical(
                "max-stream",
                f"HEAD declares a largest stream of {self.head.max_stream} bytes; it is {largest}.",
                offset=end,
                field="HEAD.max_stream",
            )
        codes, weights = None, None
        if scale is not None:
            codes = _join([each.codes for each in self.blocks], np.uint8)
            weights = scale.decode(codes)
            weights.setflags(write=False)
        payload = Payload.of_checked(
            pool=self.head.pool,
            classes=self.head.classes if self.names is None else self.names,
            positions=_join([each.positions for each in self.blocks], np.uint64),
            labels=_join([each.labels for each in self.blocks], np.uint16),
            weights=weights,
            metadata=self.metadata,
            identifiers=self.identifiers,
            weight_scale=scale,
        )
        self.content_id = hash_content(
            payload,
            scale,
            codes,
            class_map=self.class_map,
            labels=self.label_hash.digest(),
        )
        if self.content_id[:CHECK_BYTES] != self.head.check:
            raise Corrupt(
                "content-check",
                "What the file means does not fit the check in HEAD; it was damaged, spliced or "
                "wrongly written, get it again.",
                offset=end,
                field="HEAD.check",
            )
        return payload


def _join(parts: list[Any], dtype: type[np.unsignedinteger[Any]]) -> npt.NDArray[Any]:
    joined = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype=dtype), *parts])
    joined.setflags(write=False)  # The payload shares what nobody can change.
    return np.asarray(joined, dtype=dtype)


def _block_note(fields: block.Fields, key: str) -> str:
    form = NAMES[fields.encoding]
    if fields.shift:
        form += f", dense labels with shift {fields.shift}"
    return {
        "first": f"position {fields.first}",
        "span": f"{fields.span} positions",
        "count": f"{fields.count} images",
        "form": form,
    }.get(key, "")
