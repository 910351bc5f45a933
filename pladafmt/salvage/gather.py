"""Take what is whole out of a damaged file, given an intact HEAD (specification, Salvage)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import chunks, head, layout, varint
from ..blocks import read as block
from ..chunk_reader import ChunkReader
from ..errors import LimitExceeded, Malformed, Noncanonical, PladaError, Unsupported
from ..ledger import Ledger
from ..limits import Limits
from ..rules.codes import Codes
from .search import Search

LISTED = 100
"""How many ranges, and how many refused chunks, are listed; the rest are counted."""


@dataclass(frozen=True)
class IntactHead:
    """A HEAD chunk that is whole: what it says, and its bytes."""

    head: head.Head
    chunk: bytes


@dataclass(frozen=True)
class Refused:
    """A whole chunk that was not taken.

    Attributes:
        name: the chunk's name.
        offset: its first byte in the file.
        code: why, as a code.
        problem: why, as a sentence.
    """

    name: str
    offset: int
    code: str
    problem: str


class Ranges:
    """Half-open ranges of bytes, of which the first are listed.

    Attributes:
        listed: the first of them.
        count: how many there are.
        total: bytes in all of them.
    """

    def __init__(self) -> None:
        self.listed: list[tuple[int, int]] = []
        self.count = 0
        self.total = 0

    def add(self, start: int, end: int) -> None:
        """Add the range from `start` to before `end`."""
        self.count += 1
        self.total += end - start
        if len(self.listed) < LISTED:
            self.listed.append((start, end))


def start_of_chunks(data: bytes) -> int:
    """Return where the first chunk should be: behind what is left of the preamble."""
    if not data.startswith(layout.MAGIC):
        return 0
    behind = int(layout.PREAMBLE.sizeof())
    # Where the version is lost, HEAD follows the magic bytes.
    return behind if data[behind : behind + 1] == bytes([layout.HEAD]) else len(layout.MAGIC)


def find_head(data: bytes, search: Search, limits: Limits) -> IntactHead | None:
    """Return the first HEAD that is whole and not inside another whole chunk, or None.

    Raises:
        PladaError: if that HEAD breaks a rule, needs a newer reader, or exceeds `limits`.
    """
    for header in search.whole_chunks(start_of_chunks(data), None):
        if header.type == layout.HEAD:
            chunk = data[header.offset : header.after]
            crc = int.from_bytes(chunk[-4:], "little")
            body = data[header.body : header.end]
            return IntactHead(
                head.read(body, header.body, crc, limits, Ledger(wanted=False)), chunk
            )
    return None


class Gathering:
    """One reading of a damaged file. Each chunk passes the checks that a reader makes of it.

    Attributes:
        contents: what the chunks that were taken say.
        parts: type and body of what was taken, in file order: CLASSES, META, RULE, BLOCK and
            unknown chunks that are safe to copy.
        dropped: names of whole ancillary chunks that may not be copied.
        refused: the first whole chunks that were not taken.
        refused_count: how many there were.
        unread: bytes that no whole chunk holds.
        broken_before: for each block taken, whether something may be missing before it: between it
            and the block before, or HEAD, there is more than whole chunks.
        broken_behind: the same for the last one and END.
        disordered: whether a whole block was refused because it comes too late.
        estimate: labels of damaged blocks that can still be decoded, images of each class.
    """

    def __init__(
        self,
        data: bytes,
        limits: Limits,
        search: Search,
        found: IntactHead,
        codes: Codes | None = None,
        *,
        own: bool = True,
    ) -> None:
        self._codes = codes
        self._own = own
        self.contents = ChunkReader(found.head, limits)
        self.parts: list[tuple[int, bytes]] = []
        self.dropped: list[str] = []
        self.refused: list[Refused] = []
        self.refused_count = 0
        self.unread = Ranges()
        self.broken_before: list[bool] = []
        self.broken_behind = True
        self.disordered = False
        self.estimate = np.zeros(found.head.classes, dtype=np.int64)
        self._data = data
        self._limits = limits
        self._search = search
        self._head_chunk = found.chunk
        self._broken = True
        self._foreign = False
        self._taken: set[int] = set()
        self._rank = 0
        self._failed = 0
        self._failed_images = 0
        self._damaged_seen = 0
        self._estimated = 0

    def gather(self, *, text_only: bool = False) -> None:
        """Take everything; with `text_only`, stop at the first whole block.

        Raises:
            LimitExceeded: if a chunk lies beyond the limits.
            Unsupported: if the file has a critical chunk that is not known.
        """
        at = start_of_chunks(self._data)
        if 0 < at <= len(self._data) and self._data[at - 1] != layout.MAJOR:
            self.unread.add(at - 1, at)
        for header in self._search.whole_chunks(at, self.contents.head.crc):
            if text_only and header.type == layout.BLOCK:
                return
            if header.offset > at:
                self._pass_over(at, header.offset)
            try:
                self._take(header)
            except (LimitExceeded, Unsupported):
                raise
            except PladaError as error:
                self._refuse(header, error)
            at = header.after
        if at < len(self._data):
            self._pass_over(at, len(self._data))

    def _refuse(self, header: chunks.Header, error: PladaError) -> None:
        self.refused_count += 1
        if len(self.refused) < LISTED:
            self.refused.append(Refused(header.name, header.offset, error.code, error.problem))
        if header.type == layout.BLOCK:
            self._broken = True
            self.disordered |= error.code == "block-order"

    def _take(self, header: chunks.Header) -> None:
        kind = header.type
        if kind == layout.HEAD:
            self._take_head(header)
            return
        if not header.ancillary and not chunks.is_known(kind, self.contents.head.features):
            raise Unsupported(
                "unknown-critical-chunk",
                f"The file needs a chunk of type 0x{kind:02X}, which this salvager does not know; "
                "use a newer one.",
                offset=header.offset,
            )
        if header.ancillary and self._foreign:
            raise Malformed("head-foreign", "It follows the HEAD of another payload.")
        if kind == layout.BLOCK:
            self._take_block(header)
            return
        self._check_place(header)
        body = self._body(header)
        if kind in (layout.CLASSES, layout.METADATA):
            contents = self.contents
            contents.check_limits(header)
            read = contents.read_classes if kind == layout.CLASSES else contents.read_metadata
            read(header, body)
            self.parts.append((kind, body))
        elif kind == layout.RULE:
            self._take_rule(header, body)
        elif kind == layout.END:
            if body:
                raise Malformed("body-long", "The END chunk has a body.")
            self.broken_behind = self._broken
        elif kind != layout.SIGNATURE and kind & layout.SAFE_TO_COPY:
            self.parts.append((kind, body))
        else:
            self.dropped.append(header.name)
        self._taken.add(kind)
        self._rank = chunks.Order.RANK.get(kind, self._rank)

    def _take_rule(self, header: chunks.Header, body: bytes) -> None:
        self.contents.read_rule(header, body)
        try:
            kept = self.contents.payload(self._codes)[0].kept
            if kept > self.contents.head.kept:
                raise Malformed(
                    "kept-total",
                    f"It keeps {kept} images and HEAD promises {self.contents.head.kept}.",
                )
        except PladaError:
            self.contents.rule = None
            self.contents.used &= ~layout.FEATURE_RULE
            raise
        self.parts.append((layout.RULE, body))

    def _take_head(self, header: chunks.Header) -> None:
        if self._data[header.offset : header.after] != self._head_chunk:
            self._foreign = True
            raise Malformed("head-foreign", "It is the HEAD of another payload.")
        if layout.HEAD in self._taken:
            raise Malformed("chunk-duplicate", "A second HEAD chunk.")
        self._taken.add(layout.HEAD)
        self._broken = False

    def _check_place(self, header: chunks.Header) -> None:
        """Refuse a chunk other than BLOCK in a place where a reader would refuse it."""
        if self._own and layout.HEAD not in self._taken:
            raise Malformed("head-missing", "It stands before HEAD.")
        if layout.END in self._taken:
            raise Malformed("trailing-bytes", "It follows the END chunk.")
        if layout.SIGNATURE in self._taken and header.type != layout.END:
            raise Malformed("signature-place", "It follows the SIGN chunk.")
        if header.type in self._taken:
            raise Malformed("chunk-duplicate", f"A second {header.name} chunk.")
        if chunks.Order.RANK.get(header.type, self._rank) < self._rank:
            raise Noncanonical("chunk-order", f"A {header.name} chunk comes too late.")

    def _take_block(self, header: chunks.Header) -> None:
        body = self._body(header)
        end = self.contents.end
        if varint.read(body, 0)[0] < end:  # Cheap, and all that many copies of a block cost.
            raise Malformed("block-order", f"It starts before position {end}, where another ends.")
        if len(self.contents.blocks) + self._failed >= self._limits.blocks:
            raise head.over_limit("blocks", self._limits.blocks, header.offset)
        self._failed += 1
        fields = block.read_fields(body, header.body, self.contents.head)
        # Whole blocks with bad contents must not cost more than the limits allow good ones.
        self._failed_images += fields.count
        if self._failed_images > self._limits.kept:
            raise head.over_limit("kept", self._limits.kept, header.offset)
        self.contents.read_block(header, body)
        self._failed -= 1
        self._failed_images -= fields.count
        self.parts.append((layout.BLOCK, body))
        self.broken_before.append(self._broken)
        self._broken = False
        self.broken_behind = True
        self._rank = max(self._rank, chunks.Order.RANK[layout.BLOCK])

    def _body(self, header: chunks.Header) -> bytes:
        self._search.bytes_read += header.end - header.body
        return self._data[header.body : header.end]

    def _pass_over(self, start: int, end: int) -> None:
        """Note that no whole chunk holds the bytes from `start` to `end`."""
        self.unread.add(start, end)
        self._broken = True
        damaged: list[chunks.Header] = []
        at = start
        try:
            while at < end and self._damaged_seen < self._limits.blocks:
                header = chunks.read_header(self._data, at)
                if header.type != layout.BLOCK or header.after > end:
                    return
                self._damaged_seen += 1
                damaged.append(header)
                at = header.after
        except PladaError:
            return
        if at == end:
            for header in damaged:
                self._estimate(header)

    def _estimate(self, header: chunks.Header) -> None:
        """Count the labels of a damaged block whose bounds fit, if they can still be decoded."""
        body = self._body(header)
        try:
            fields = block.read_fields(body, header.body, self.contents.head)
            # Tries count, not successes: all of them together decode K labels at most.
            before, self._estimated = self._estimated, self._estimated + fields.count
            if self._estimated <= self.contents.head.kept:
                found = block.decode_labels(
                    fields,
                    self.contents.head,
                    dense_before=before,
                    most_dense=self._limits.dense,
                )
                self.estimate += np.bincount(found, minlength=self.estimate.size)
        except PladaError:
            return
