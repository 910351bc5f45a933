"""Which part of a file owns which bytes."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A run of bytes and what it is.

    Attributes:
        name: the owner, such as ``"HEAD.kept"`` or ``"BLOCK 0.labels"``.
        offset: first byte in the file.
        size: number of bytes.
        note: what the bytes say, in a few words, for people.
    """

    name: str
    offset: int
    size: int
    note: str = ""


class Ledger:
    """The parts of one file in order, filled in while it is read.

    Attributes:
        wanted: whether anybody asks for them. If not, nothing is kept; who has many parts to add
            need not make them.
        parts: what was added.
    """

    def __init__(self, *, wanted: bool = True) -> None:
        self.wanted = wanted
        self.parts: list[Part] = []

    def add(self, name: str, start: int, end: int, note: object = "") -> None:
        """Record that `name` owns the bytes from `start` to before `end`."""
        if self.wanted and end > start:
            self.parts.append(Part(name, start, end - start, str(note)))

    def close(self, size: int) -> None:
        """Give what nobody has claimed to ``unread``, so that the parts cover all `size` bytes."""
        self.parts.sort(key=lambda part: part.offset)
        covered: list[Part] = []
        at = 0
        for part in self.parts:
            if part.offset > at:
                covered.append(Part("unread", at, part.offset - at))
            covered.append(part)
            at = part.offset + part.size
        if at < size:
            covered.append(Part("unread", at, size - at))
        self.parts = covered
