"""Readers of the fixed fields of many chunks at once, put together from their declarations.

As `pladafmt.field_reader`, they know good bytes only. The fields are columns of integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from construct import FormatField, Pass, Struct

from . import varint
from .field_reader import without_conditions
from .layout import Varint
from .limits import MAX_POSITION

Integers = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]


class FieldColumns(NamedTuple):
    """The fields of many chunks.

    Attributes:
        values: a column for each field, int64, shape (chunks,); None where there is no such field.
        ends: where each field ends.
        good: whether all fields of a chunk are what their declarations allow.
    """

    values: tuple[Integers | None, ...]
    ends: tuple[Integers, ...]
    good: npt.NDArray[np.bool_]


ColumnReader = Callable[[Octets, Integers], FieldColumns]
"""Takes bytes, and where in them the fields of each chunk start. Not checked is where a body ends:
`longest` bytes behind each start must be there."""


def longest(layout: Struct) -> int:
    """Return a bound of the bytes that integer fields of `layout` may take."""
    return varint.MAX_BYTES * len(layout.subcons)


def column_reader(layout: Struct, **parameters: Any) -> ColumnReader:
    """Return a reader of the fields of `layout` in many places.

    Args:
        layout: its fields are varints, bytes that are numbers, and conditional ones.
        parameters: what the conditions ask for; none may ask for another field.

    Raises:
        TypeError: if a field is of a kind that is not known here.
    """
    readers = [_reader(without_conditions(field, parameters)) for field in layout.subcons]

    def read(octets: Octets, starts: Integers) -> FieldColumns:
        at = starts
        good = np.ones(starts.size, dtype=bool)
        values, ends = [], []
        for reader in readers:
            value = None
            if reader is not None:
                value, at = reader(octets, at, good)
            values.append(value)
            ends.append(at)
        return FieldColumns(tuple(values), tuple(ends), good)

    return read


_Reader = Callable[[Octets, Integers, npt.NDArray[np.bool_]], tuple[Integers, Integers]]


def _reader(field: Any) -> _Reader | None:
    if field is Pass:
        return None
    if isinstance(field, Varint):
        return _varints
    if isinstance(field, FormatField) and field.fmtstr in ("<B", ">B", "=B"):
        return _octets
    raise TypeError(f"no reader of columns is known for fields like {field!r}")


def _octets(octets: Octets, at: Integers, good: npt.NDArray[np.bool_]) -> tuple[Integers, Integers]:
    return octets[at].astype(np.int64), at + 1


def _varints(
    octets: Octets, at: Integers, good: npt.NDArray[np.bool_]
) -> tuple[Integers, Integers]:
    """Return the varint at each place and where it ends; a bad one is marked in `good`."""
    values, ends = _octets(octets, at, good)
    longer = np.flatnonzero(values > 127)
    values[longer] &= 127
    for index in range(1, varint.MAX_BYTES):
        if not longer.size:
            return values, ends
        following = octets[ends[longer]].astype(np.int64)
        ends[longer] += 1
        values[longer] |= (following & 127) << (7 * index)
        good[longer[following == 0]] = False
        longer = longer[following > 127]
    good[longer] = False
    good &= values <= MAX_POSITION
    return values, ends
