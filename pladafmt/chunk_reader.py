"""Read the chunks between HEAD and END, one at a time, and what they mean together.

It is shared by strict reading (`pladafmt.reader`) and by salvage (`pladafmt.salvage`), which differ
in which chunks they expect where, and in what they do about one that breaks a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from construct import Struct

from . import chunks, classmap, layout, metadata
from .blocks import columns, parts, together
from .blocks import read as block
from .blocks.columns import Columns
from .content import LabelHash
from .errors import Malformed
from .head import Head, over_limit
from .ledger import Ledger
from .limits import Limits
from .loops import backend
from .payload import Payload
from .rules import chunk as rule_chunk
from .rules.codes import Codes
from .stored import StoredBytes
from .streams import Stored

WeightCodes = npt.NDArray[np.uint8]

FEWEST, MOST = 32, 1 << 13
"""Blocks that are read together: fewer take as long alone, more would not take less each."""

IMAGES = 1 << 13
"""Images that are decoded together: what is made of them stays in the processor's cache."""


@dataclass
class ChunkReader:
    """Read chunks that follow one HEAD and keep what they say.

    Each method takes a chunk's header and body, checks the chunk by itself and a block against the
    blocks before it, and raises a `PladaError` for one that breaks a rule.

    Attributes:
        head: what HEAD says.
        limits: bounds that are checked before anything is allocated.
        ledger: which part of the file owns which bytes, if that is wanted.
        names: class names, or None without a CLASSES chunk.
        identifiers: external identifiers, or None.
        class_map: the decoded text of CLASSES, or None.
        metadata: the object of META, or None.
        rule: what RULE says, or None.
        blocks: what was decoded, in order; neighbours may be put together.
        ends: for each block that was decoded, the first position after its range.
        label_hash: the hash of their labels.
        kept: images in them.
        dense: images in those of them that have a dense stream.
        used: required features that the chunks use.
    """

    head: Head
    limits: Limits
    ledger: Ledger = field(default_factory=lambda: Ledger(wanted=False))
    names: tuple[str, ...] | None = None
    identifiers: tuple[str, ...] | None = None
    class_map: bytes | None = None
    metadata: dict[str, Any] | None = None
    rule: rule_chunk.Found | None = None
    blocks: list[block.Block] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    label_hash: LabelHash = field(default_factory=LabelHash)
    kept: int = 0
    dense: int = 0
    used: int = 0
    _look_at: int = 2 * FEWEST
    _alone_before: int = 0

    @property
    def end(self) -> int:
        """The first pool position that the next block may have."""
        return self.ends[-1] if self.ends else 0

    @property
    def largest(self) -> int:
        """The largest decoded stream of any block, in bytes."""
        return max((each.largest for each in self.blocks), default=0)

    def name_of(self, header: chunks.Header) -> str:
        """Return a chunk's name in the ledger, where blocks have numbers."""
        return f"BLOCK {len(self.ends)}" if header.type == layout.BLOCK else header.name

    def check_limits(self, header: chunks.Header) -> None:
        """Refuse a chunk for its number or size alone, before its CRC is computed."""
        if header.type == layout.BLOCK:
            if len(self.ends) >= self.limits.blocks:
                raise over_limit("blocks", self.limits.blocks, header.offset)
            return
        size = header.end - header.body
        # One byte more for the form; a stream that Zstd made larger would have been stored.
        if header.type == layout.CLASSES and size > self.limits.class_map + 1:
            raise over_limit("class_map", self.limits.class_map, header.offset)
        if header.type == layout.METADATA and size > self.limits.metadata + 1:
            raise over_limit("metadata", self.limits.metadata, header.offset)

    def read_classes(self, header: chunks.Header, body: bytes) -> None:
        """Read the CLASSES chunk into `names`, `identifiers` and `class_map`."""
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

    def read_metadata(self, header: chunks.Header, body: bytes) -> None:
        """Read the META chunk into `metadata`."""
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
            stream.require_feature(layout.FEATURE_ZSTD, self.head.features)
            self.used |= layout.FEATURE_ZSTD
        size = stream.decoded_size()
        what, most = limit
        if size > most:
            raise over_limit(what, most, start)
        return stream.decode(size), form

    def read_rule(self, header: chunks.Header, body: bytes) -> None:
        """Read the RULE chunk into `rule`. It is evaluated by `payload`."""
        self.rule = rule_chunk.read(body, header.body, self.head, self.limits, self.ledger)
        self.used |= layout.FEATURE_RULE

    def read_block(self, header: chunks.Header, body: bytes) -> None:
        """Read a BLOCK chunk, which must start at `end` or later, into `blocks`."""
        fields = block.read_fields(body, header.body, self.head)
        if self.ledger.wanted:
            self._note_block(fields, self.name_of(header))
        if fields.first < self.end:
            raise Malformed(
                "block-order",
                f"A block starts at position {fields.first}, before the end of the one before it "
                f"at {self.end}.",
                offset=fields.ranges()["first"][0],
                field="BLOCK.first",
            )
        kept = self.kept + fields.count
        if kept > self.head.kept:
            raise Malformed(
                "kept-total",
                f"The blocks so far keep {kept} images; HEAD says {self.head.kept}.",
                offset=fields.ranges()["count"][0],
                field="BLOCK.count",
            )
        decoded = block.decode(
            fields,
            self.head,
            on_labels=self.label_hash.update,
            dense_before=self.dense,
            most_dense=self.limits.dense,
        )
        self._take(decoded, [fields.end])
        if fields.is_dense:
            self.dense += fields.count

    def read_small_blocks(self, data: bytes | StoredBytes, offset: int) -> int:
        """Read BLOCK chunks from `offset` on as long as they are good, small and many.

        Where something is wrong, or there are few, the blocks are left to `read_block`.

        Returns:
            The offset of the first chunk that was not read.
        """
        while offset >= self._alone_before:
            found, seen = columns.read(
                data,
                offset,
                self.head,
                fewest=FEWEST,
                most=min(self._look_at, self.limits.blocks - len(self.ends)),
                end=self.end,
                kept=self.head.kept - self.kept,
            )
            if found is not None and len(found) >= FEWEST:
                taken = self._decode(found)
                if taken:
                    offset = found.at(slice(taken)).after
                if taken == len(found):
                    self._look_at = min(2 * self._look_at, MOST)
                    continue
            # Not looked at again: that would take time for each of them.
            self._alone_before, self._look_at = seen, 2 * FEWEST
            break
        return offset

    def _decode(self, found: Columns) -> int:
        """Take blocks up to the first that is odd, or somewhat fewer; return how many."""
        ends = (found.first + found.span).tolist()
        kept = np.cumsum(found.count)
        start = 0
        while start < len(found):
            before = 0 if start == 0 else int(kept[start - 1])
            end = max(start + 1, int(np.searchsorted(kept, before + IMAGES, side="right")))
            blocks = found.at(slice(start, end))
            if blocks.dense:
                if self.dense + blocks.dense > self.limits.dense and backend.compiled() is None:
                    break
                backend.expect(self.dense, blocks.dense)
            decoded = together.decode(blocks, self.head)
            if decoded is None:
                break
            if self.ledger.wanted:
                self.ledger.add_alike(parts.of_small_blocks(blocks, len(self.ends)))
            self.label_hash.update(decoded.labels)
            self._take(decoded, ends[start:end])
            self.dense += blocks.dense
            start = end
        return start

    def _take(self, decoded: block.Block, ends: list[int]) -> None:
        self.blocks.append(decoded)
        self.ends += ends
        self.kept += decoded.labels.size
        self.used |= decoded.used

    def _note_block(self, fields: block.Fields, name: str) -> None:
        """Note the fields and streams of a block in the ledger."""
        notes = parts.notes(fields.first, fields.span, fields.count, fields.form)
        for key, (start, end) in fields.ranges().items():
            self.ledger.add(f"{name}.{key}", start, end, notes.get(key, ""))
        for stream in fields.streams:
            self.ledger.add(
                stream.field.replace("BLOCK", name),
                stream.offset,
                stream.offset + len(stream.data),
                parts.stream_note(stream.compressed),
            )

    def payload(self, codes_of_pool: Codes | None = None) -> tuple[Payload, WeightCodes | None]:
        """Return what the chunks mean together, and the weight codes, uint8 of shape (K,).

        Args:
            codes_of_pool: what a rule is evaluated with; the codes are checked.

        Raises:
            Mismatch: ``codes-mismatch`` if there is a rule and no codes, or others.
        """
        listed, codes = self.listed()
        if self.rule is None:
            return listed, codes
        rule, images = self.rule.rule, self.head.pool.size
        if codes_of_pool is None:
            raise rule_chunk.codes_missing(self.rule, images)
        rule.check(codes_of_pool, images)
        positions, labels = rule.keep(codes_of_pool, images)[:2]
        return with_kept(listed, positions, labels), codes

    def listed(self) -> tuple[Payload, WeightCodes | None]:
        """Return what the blocks alone say, and the weight codes."""
        scale = self.head.weight_scale
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
        return payload, codes


def with_kept(
    listed: Payload, positions: npt.NDArray[np.uint64], labels: npt.NDArray[np.uint16]
) -> Payload:
    """Return a payload that keeps these images as well; where both have one, `listed` is right."""
    # Few are listed beside a rule: each is put in its place, and nothing is sorted.
    at = np.searchsorted(positions, listed.positions)
    new = np.searchsorted(positions, listed.positions, side="right") == at
    if listed.kept:
        labels = labels.copy()
        labels[at[~new]] = listed.labels[~new]
        positions = np.insert(positions, at[new], listed.positions[new])
        labels = np.insert(labels, at[new], listed.labels[new])
    found: dict[str, npt.NDArray[Any]] = {"positions": positions, "labels": labels}
    for column in found.values():
        column.setflags(write=False)
    return Payload.of_checked(**{**vars(listed), **found})


def _join(parts: list[Any], dtype: type[np.unsignedinteger[Any]]) -> npt.NDArray[Any]:
    joined = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype=dtype), *parts])
    joined.setflags(write=False)  # The payload shares what nobody can change.
    return np.asarray(joined, dtype=dtype)
