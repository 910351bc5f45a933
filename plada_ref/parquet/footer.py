"""Where the columns of a Parquet file lie, read from its footer.

Not through pyarrow's metadata of a column: damaged statistics in it end the whole process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa

from ..limits import limits
from .thrift import Struct, read_struct

_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Chunk:
    """A column of a row group.

    Attributes:
        column: its path, such as ``image.path``.
        long: whether its values are strings or bytes of any length.
        values: number of values, empty ones included.
        start, end: where its pages lie in the file.
    """

    column: str
    long: bool
    values: int
    start: int
    end: int


@dataclass(frozen=True)
class Group:
    """A row group.

    Attributes:
        number: its place among the row groups.
        first: number of its first row in the file.
        rows: how many it has.
        chunks: its columns, in the order of the file.
    """

    number: int
    first: int
    rows: int
    chunks: tuple[Chunk, ...]

    def of(self, columns: list[str]) -> list[Chunk]:
        """Return some columns, by their paths."""
        return [chunk for chunk in self.chunks if chunk.column in columns]


def read_groups(file: IO[bytes], length: int) -> list[Group]:
    """Read the row groups of the Parquet file `file` of `length` bytes.

    Raises:
        pyarrow.ArrowInvalid: if the footer is damaged or above the limit of a page, or its numbers
            contradict each other, which Arrow does not notice: it reads as many rows as one of
            them says.
    """
    file.seek(max(0, length - 8))
    tail = file.read(8)
    size = int.from_bytes(tail[:4], "little")
    if len(tail) != 8 or tail[4:] != _MAGIC or size + 12 > length:
        raise pa.ArrowInvalid("it has no footer of Parquet")
    if size > limits().page:
        raise pa.ArrowInvalid(
            f"its footer has {size:,} bytes, and the limit is {limits().page:,}; "
            f"PLADA_LIMITS=page={size} raises it"
        )
    file.seek(length - 8 - size)
    found = read_struct(file.read(size))
    if found is None:
        raise pa.ArrowInvalid("its footer is damaged")
    try:
        return _groups(found[0], length - 8 - size)
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        raise pa.ArrowInvalid("its footer is damaged") from exc


def _groups(footer: Struct, end: int) -> list[Group]:
    groups: list[Group] = []
    first = 0
    for number, group in enumerate(footer.get(4) or []):
        rows = _count(group[3])
        chunks = tuple(_chunk(column[3], rows, end) for column in group[1])
        groups.append(Group(number, first, rows, chunks))
        first += rows
    if first != _count(footer[3]):
        raise pa.ArrowInvalid(f"it says {footer[3]} rows, and its row groups have {first}")
    return groups


def _chunk(about: Struct, rows: int, end: int) -> Chunk:
    column = ".".join(part.decode("utf-8") for part in about[3])
    start = _count(about[9])
    if about.get(11):  # Of the dictionary page, which comes first.
        start = min(start, _count(about[11]))
    behind = start + _count(about[7])
    if behind > end:
        raise pa.ArrowInvalid(f"the column {column} reaches beyond the pages of the file")
    return Chunk(column, about[1] == 6, _count(about[5]), start, behind)


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("a number of the footer is missing or negative")
    return value
