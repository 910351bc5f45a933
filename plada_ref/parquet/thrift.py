"""Decode a Thrift struct in the compact protocol, as Parquet stores its footer and page headers."""

from __future__ import annotations

from typing import Any

Struct = dict[int, Any]
"""Fields by number: integers, bytes, structs, lists of these; None for other types."""

_DEEPEST = 16


class _Cut(Exception):
    """The bytes end within the struct, or are none."""


def read_struct(data: bytes) -> tuple[Struct, int] | None:
    """Decode the struct at the beginning of some bytes; return it and how many bytes it takes.

    None if they end within it, or are not such a struct.
    """
    reader = _Reader(data)
    try:
        return reader.struct(0), reader.place
    except (_Cut, IndexError):
        return None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def struct(self, depth: int) -> Struct:
        if depth > _DEEPEST:
            raise _Cut
        fields: Struct = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):  # True and false, in the field's own head.
            return None
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            self._bytes(8)
            return None
        if kind == 8:
            return self._bytes(self._varint())
        if kind == 12:
            return self.struct(depth + 1)
        if kind in (9, 10):
            return self._list(depth + 1)
        raise _Cut  # A map, or nothing known: Parquet has none.

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        if count > len(self._data) - self.place or depth > _DEEPEST:  # Each takes a byte or more.
            raise _Cut
        if head & 15 in (1, 2):
            return [self._byte() for _ in range(count)]
        return [self._value(head & 15, depth) for _ in range(count)]

    def _byte(self) -> int:
        value = self._data[self.place]
        self.place += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise _Cut

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _bytes(self, count: int) -> bytes:
        start, self.place = self.place, self.place + count
        if self.place > len(self._data):
            raise _Cut
        return self._data[start : self.place]
