"""What a column of a Parquet file may cost, found in the headers of its pages before it is decoded.

Arrow allocates what a page's header claims, up to 2 GB, and each row of a page may repeat the
longest value of the page (dictionary and delta encodings do so in a few bits). The file's metadata
says how large the pages are together, but nobody checks that it is so.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple

import pyarrow as pa

from ..limits import limits, raised
from .footer import Group
from .thrift import Struct, read_struct

BATCH = 1 << 28
"""Most bytes of a batch of rows, as far as page headers tell."""

_INCOMPRESSIBLE = 8
"""A page of more than `Limits.page` may have this many times its stored size."""

_HEADERS = (1 << 16, 1 << 24)
"""Bytes that are read for a page's header; the second time, if the first were not enough."""

_DATA, _INDEX, _DICTIONARY, _DATA_V2 = range(4)
_ABOUT = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}
_ONCE = (0, 2, 3, 6, 8)
"""Encodings (plain, dictionary, levels, delta lengths) that do not repeat a data page's bytes."""


class Page(NamedTuple):
    """A page of a column.

    Attributes:
        size: bytes when it is decompressed.
        values: number of values in it, 0 for a dictionary.
        repeats: whether any number of rows may have the whole page as their value.
        end: place of the next page in the file.
    """

    size: int
    values: int
    repeats: bool
    end: int


def page_at(file: IO[bytes] | PageGuard, place: int) -> Page:
    """Read the header of the page at a place of the file.

    Raises:
        pyarrow.ArrowInvalid: if it is damaged, or the page is above the limit.
    """
    for most in _HEADERS:
        file.seek(place)
        found = read_struct(file.read(most))
        if found is not None:
            return _page(*found, place)
    raise pa.ArrowInvalid(f"the page at byte {place} has a damaged header")


def _page(header: Struct, length: int, place: int) -> Page:
    kind, size, stored = header.get(1), header.get(2), header.get(3)
    about = header.get(_ABOUT.get(kind, -1), {}) if isinstance(kind, int) else None
    if not (isinstance(size, int) and isinstance(stored, int) and isinstance(about, dict)) or (
        min(size, stored) < 0
    ):
        raise pa.ArrowInvalid(f"the page at byte {place} has a damaged header")
    most = limits().page
    if size > max(most, _INCOMPRESSIBLE * stored):
        raise pa.ArrowInvalid(
            f"the page at byte {place} grows from {stored:,} bytes to {size:,}, and the limit is "
            f"{most:,}; {raised('page', size)} raises it"
        )
    data = kind in (_DATA, _DATA_V2)
    values = about.get(1, 0) if data else 0
    encoding = about.get(4 if kind == _DATA_V2 else 2)
    return Page(
        size,
        values if isinstance(values, int) else 0,
        kind == _DICTIONARY or (data and encoding not in _ONCE),
        place + length + stored,
    )


def rows_at_a_time(file: IO[bytes] | PageGuard, group: Group, columns: list[str], most: int) -> int:
    """Choose how many rows of a row group to decode together: `most`, or what `BATCH` has room for.

    Every page header of these columns is read, so they should be small ones.

    Raises:
        pyarrow.ArrowInvalid: if a page is damaged or above the limit.
    """
    longest = 1
    for chunk in group.of(columns):
        place, values = chunk.start, 0
        while place < chunk.end and values < chunk.values:
            page = page_at(file, place)
            if page.repeats and chunk.long:
                longest = max(longest, page.size)
            place, values = page.end, values + page.values
    return max(1, min(most, BATCH // longest))


class PageGuard(io.RawIOBase):
    """A Parquet file whose pages are checked while Arrow reads a large column from it.

    Not before, which would mean to fetch a remote file twice.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rows = 1
        self._next: list[tuple[int, int]] = []
        """The place of the next page and the end of each column chunk that is read."""

    def watch(self, group: Group, column: str, most: int) -> int:
        """Check the pages of a column of a row group from now on.

        Returns:
            How many rows may be decoded together, at most `most`.

        Raises:
            pyarrow.ArrowInvalid: if its first page is damaged or above the limit.
        """
        self._next, self._rows = [], most
        for chunk in group.of([column]):
            if not chunk.values:
                continue
            page = page_at(self._file, chunk.start)
            longest = page.size if page.repeats else 0
            mean = (chunk.end - chunk.start) // chunk.values  # Images are compressed already.
            self._rows = max(1, min(self._rows, BATCH // max(1, longest, mean)))
            self._next.append((chunk.start, chunk.end))
        return self._rows

    def read(self, size: int = -1) -> bytes:
        """Read bytes; checks the pages that begin in them."""
        start = self._file.tell()
        data = self._file.read(size)
        behind = start + len(data)
        for number, (place, end) in enumerate(self._next):
            while start <= place < min(behind, end):
                page = page_at(self._file, place)
                if page.repeats and page.size * self._rows > max(BATCH, page.size):
                    raise pa.ArrowInvalid(
                        f"the page at byte {place} of {page.size:,} bytes may be repeated in each "
                        "of its rows"
                    )
                place = page.end
            self._next[number] = place, end
        self._file.seek(behind)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True


def counted(batches: Iterable[Any], group: Group, column: str) -> Iterator[Any]:
    """Yield the batches of a column of a row group, which must have the group's number of rows.

    Raises:
        pyarrow.ArrowInvalid: if it has not. Arrow ends early, without an error, where damaged pages
            or metadata hold fewer rows.
    """
    for chunk in group.of([column]):
        if chunk.values != group.rows:
            raise pa.ArrowInvalid(f"the column {column} has {chunk.values} of {group.rows} rows")
    found = 0
    for batch in batches:
        found += len(batch)
        yield batch
    if found != group.rows:
        raise pa.ArrowInvalid(f"the column {column} has {found} of {group.rows} rows")
