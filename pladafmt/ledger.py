"""Which part of a file owns which bytes."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import eq
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt


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


class _MadeWhenLookedAt(Sequence[Part]):
    """Parts that need not all exist; a slice of them is a tuple."""

    @overload
    def __getitem__(self, place: int, /) -> Part: ...
    @overload
    def __getitem__(self, place: slice, /) -> tuple[Part, ...]: ...

    def __getitem__(self, place: int | slice, /) -> Part | tuple[Part, ...]:
        places = range(len(self))[place]
        if isinstance(places, range):
            return tuple(map(self.__getitem__, places))
        return self._at(places)

    @abstractmethod
    def _at(self, place: int) -> Part:
        """Return the part at a place from 0."""


class Parts(_MadeWhenLookedAt):
    """The parts of a file, in order and without gaps.

    There may be a million of them. Those of many small blocks are made when they are looked at.
    """

    def __init__(self, groups: Iterable[Sequence[Part]]) -> None:
        self._groups = [group for group in groups if group]
        self._ends = list(accumulate(map(len, self._groups)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Part]:
        return chain.from_iterable(self._groups)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parts):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # as lists

    def _at(self, place: int) -> Part:
        group = bisect_right(self._ends, place)
        return self._groups[group][place - self._ends[group]]

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield names and sizes that add up to the file's.

        Of many small blocks, all parts of one kind count together, by the name of the first.
        """
        for group in self._groups:
            if isinstance(group, Alike):
                yield from group.sizes()
            else:
                yield from ((part.name, part.size) for part in group)


class Alike(_MadeWhenLookedAt):
    """The parts of things in a row that all have the same parts, of which some may be empty.

    Args:
        owner: what they are, such as ``"BLOCK"``.
        first: number of the first of them.
        leaves: the names of the parts of each, in order.
        edges: where in the file each part starts and the last one ends, int64, shape (things,
            parts + 1).
        notes: gives the notes of one thing, counted from 0, for each of `leaves`.
    """

    def __init__(
        self,
        owner: str,
        first: int,
        leaves: Sequence[str],
        edges: npt.NDArray[np.int64],
        notes: Callable[[int], Sequence[str]],
    ) -> None:
        self._owner = owner
        self._first = first
        self._leaves = leaves
        self._edges = edges
        self._notes = notes
        self._ends = np.cumsum((edges[:, 1:] > edges[:, :-1]).sum(axis=1))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __iter__(self) -> Iterator[Part]:
        return chain.from_iterable(map(self._of, range(len(self._ends))))

    def _at(self, place: int) -> Part:
        thing = int(np.searchsorted(self._ends, place, side="right"))
        return self._of(thing)[place - int(self._ends[thing])]

    def _of(self, thing: int) -> list[Part]:
        """Return the parts of one thing."""
        name = f"{self._owner} {self._first + thing}."
        edges = self._edges[thing].tolist()
        return [
            Part(name + leaf, start, end - start, note)
            for leaf, start, end, note in zip(
                self._leaves, edges[:-1], edges[1:], self._notes(thing), strict=True
            )
            if end > start
        ]

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield the name of each part of the first thing, and its size in all of them."""
        totals = (self._edges[:, 1:] - self._edges[:, :-1]).sum(axis=0).tolist()
        for leaf, size in zip(self._leaves, totals, strict=True):
            if size:
                yield f"{self._owner} {self._first}.{leaf}", size


class Ledger:
    """The parts of one file, filled in while it is read.

    Attributes:
        wanted: whether anybody asks for them. If not, nothing is kept; who has many parts to add
            need not make them.
    """

    def __init__(self, *, wanted: bool = True) -> None:
        self.wanted = wanted
        self._parts: list[Part] = []
        self._alike: list[Alike] = []

    def add(self, name: str, start: int, end: int, note: object = "") -> None:
        """Record that `name` owns the bytes from `start` to before `end`."""
        if self.wanted and end > start:
            self._parts.append(Part(name, start, end - start, str(note)))

    def add_alike(self, parts: Alike) -> None:
        """Record the parts of things in a row, between which is nothing else."""
        if self.wanted:
            self._alike.append(parts)

    def parts(self, size: int) -> Parts:
        """Return the parts that cover all `size` bytes: what nobody has claimed is ``unread``."""
        plain: list[Part] = []
        groups: list[Sequence[Part]] = [plain]
        at = 0
        found: list[Sequence[Part]] = [*([part] for part in self._parts), *self._alike]
        for group in sorted(found, key=lambda group: group[0].offset):
            first, last = group[0], group[-1]
            if first.offset > at:
                plain.append(Part("unread", at, first.offset - at))
            if isinstance(group, Alike):
                plain = []
                groups += [group, plain]
            else:
                plain.append(first)
            at = last.offset + last.size
        if at < size:
            plain.append(Part("unread", at, size - at))
        return Parts(groups)
