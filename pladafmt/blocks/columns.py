"""The fields of many small blocks in a row, a column for each.

As `read.read_fields`, but for blocks that are plainly good and worth decoding together: a row ends
before the first that is not, which is then read alone. So nothing is said here of what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from .. import chunk_row, layout
from ..chunk_row import ChunkRow
from ..field_columns import FieldColumns, column_reader, longest
from ..head import Head
from ..limits import MAX_BITMAP_SPAN, MAX_BITMAP_SPAN_PER_IMAGE
from ..stored import StoredBytes
from . import encodings

MOST_IMAGES = 4096
"""Images of a block that is decoded with others."""

PADDING = longest(layout.BLOCK_BODY)
"""Zeros behind the blocks, so that fields, or a word, can be read at each of their bytes."""

Integers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Columns:
    """The fields of blocks in a row, and where their parts are: int64, shape (blocks,).

    Attributes:
        octets: the bytes in which these places are, uint8, and then zeros.
        offset: where they start in the file.
        starts: where the chunk of each block starts.
        bodies: where its body starts.
        field_ends: where each of its fields ends, shape (blocks, fields).
        labels: where its label stream starts, and its position stream ends.
        weights: where its weight stream starts; without weights, where its body ends.
        ends: where its body ends.
        crcs: the CRC of its chunk.
        first: as `read.Fields` has it, and the next three.
        span:
        count:
        form:
    """

    octets: npt.NDArray[np.uint8]
    offset: int
    starts: Integers
    bodies: Integers
    field_ends: Integers
    labels: Integers
    weights: Integers
    ends: Integers
    crcs: npt.NDArray[np.uint32]
    first: Integers
    span: Integers
    count: Integers
    form: Integers

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def after(self) -> int:
        """Offset in the file of the first byte after these blocks."""
        return self.offset + int(self.ends[-1]) + 4

    @property
    def encoding(self) -> Integers:
        """The number of each one's position encoding."""
        return self.form & layout.FORM_ENCODING

    @property
    def shift(self) -> Integers:
        """The shift of dense labels; 0 for plain ones."""
        return self.form >> layout.FORM_SHIFT_BIT

    @property
    def dense(self) -> int:
        """Images of blocks with a dense stream."""
        return int(self.count[(self.shift > 0) | (self.encoding == encodings.DENSE)].sum())

    @property
    def positions(self) -> Integers:
        """Where the position stream of each starts."""
        return self.field_ends[:, -1]

    def at(self, which: slice | Integers) -> Columns:
        """Return some of the blocks."""
        return Columns(self.octets, self.offset, *(getattr(self, name)[which] for name in _COLUMNS))


_COLUMNS = [field.name for field in fields(Columns)][2:]


def read(
    data: bytes | StoredBytes,
    offset: int,
    head: Head,
    *,
    fewest: int,
    most: int,
    end: int,
    kept: int,
) -> tuple[Columns | None, int]:
    """Return the good small blocks from `offset` on, and the offset of the first not looked at.

    Args:
        fewest: where fewer chunks of blocks follow, there are none.
        most: how many to look at.
        end: the first position that the first of them may have.
        kept: images that all of them may keep.
    """
    row, seen = chunk_row.read(
        data, offset, layout.BLOCK, most=most, seed=head.crc, padding=PADDING, fewest=fewest
    )
    if not len(row.starts):
        return None, seen
    weighted = head.weight_scale is not None
    found = (_read_weighted if weighted else _read_plain)(row.octets, row.bodies)
    return _checked(row, offset, found, head, end, kept), seen


_read_plain = column_reader(layout.BLOCK_BODY, weights=False)
_read_weighted = column_reader(layout.BLOCK_BODY, weights=True)


def _checked(
    row: ChunkRow, offset: int, found: FieldColumns, head: Head, end: int, kept: int
) -> Columns:
    """Return the blocks before the first that is not good and small."""
    first, span, count, form, positions_size, labels_size = found.values
    assert first is not None
    assert span is not None
    assert count is not None
    assert form is not None
    assert positions_size is not None
    weighted = labels_size is not None
    encoding = form & layout.FORM_ENCODING
    shift = form >> layout.FORM_SHIFT_BIT
    nonsense = 0 if weighted else layout.FORM_WEIGHTS_ZSTD
    never = np.full(form.shape, nonsense)
    never[encoding == encodings.DENSE] |= layout.FORM_POSITIONS_ZSTD
    never[(shift > 0) | (head.classes == 1)] |= layout.FORM_LABELS_ZSTD
    after = first + span
    before = np.concatenate(([end], after[:-1]))
    labels = found.ends[-1] + positions_size
    weights = row.ends if labels_size is None else labels + labels_size
    good = found.good & (count >= 1) & (count <= np.minimum(span, MOST_IMAGES))
    good &= (count > 1) | (span == 1)
    good &= (after <= head.pool.size) & (first >= before) & (np.cumsum(count) <= kept)
    good &= (form & never == 0) & ((shift == 0) | (head.classes > 1))
    good &= (labels <= row.ends) & (weights <= row.ends)
    most_span = np.minimum(MAX_BITMAP_SPAN, MAX_BITMAP_SPAN_PER_IMAGE * count)
    good &= (span <= most_span) | (encoding != encodings.NUMBERS["bitmap"])
    columns = Columns(
        row.octets,
        offset,
        row.starts,
        row.bodies,
        np.stack(found.ends, axis=1),
        labels,
        weights,
        row.ends,
        row.crcs,
        first,
        span,
        count,
        form,
    )
    bad = np.flatnonzero(~good)
    return columns.at(slice(int(bad[0]))) if bad.size else columns
