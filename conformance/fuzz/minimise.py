"""Making a file smaller while something about it stays true."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .. import appendix_b as spec
from ..build import BITMAP, Chunk, varint
from .mutate import repaired
from .mutate_streams import decoded, relative_of, written
from .sheet import STREAMS, Sheet, is_compressed, put_stream, take_apart, value_of

Keep = Callable[[bytes], bool]
"""Says whether what makes a file interesting is true of another one."""


@dataclass
class _Search:
    """The smallest file so far, what it is read with, and how many more may be tried."""

    best: bytes
    codes: Sequence[bytes] | None
    keep: Keep
    left: int
    until: float

    @property
    def over(self) -> bool:
        """Whether nothing more is to be tried."""
        return self.left <= 0 or time.monotonic() > self.until

    def offer(self, candidate: bytes) -> bool:
        """Take a file that is smaller and still interesting; return whether it was."""
        if self.over or _size(candidate) >= _size(self.best):
            return False
        self.left -= 1
        if not self.keep(candidate):
            return False
        self.best = candidate
        return True

    def offer_sheet(self, sheet: Sheet) -> bool:
        """Offer a changed sheet, with HEAD following the change or not."""
        if self.over:
            return False
        return self.offer(repaired(sheet.copy())) or self.offer(sheet.build())


def _size(data: bytes) -> tuple[int, int]:
    return len(data), len(data) - data.count(0)


def minimise(
    data: bytes,
    keep: Keep,
    *,
    codes: Sequence[bytes] | None = None,
    tries: int = 3000,
    seconds: float = 60.0,
) -> bytes:
    """Return a smaller file of which `keep` is true.

    Args:
        data: a file of which it is true.
        keep: says whether it is true of a file.
        codes: those that it is read with, if any.
        tries: how many files to ask about at most.
        seconds: how long to try at most.
    """
    search = _Search(data, codes, keep, tries, time.monotonic() + seconds)
    before = None
    while search.best != before and not search.over:
        before = search.best
        for candidates in (_fewer_chunks, _fewer_images, _plainer_parts, _shorter_parts):
            _exhaust(search, candidates)
        _shorter_bytes(search)
    return search.best


def _exhaust(search: _Search, candidates: Callable[[Sheet], Iterator[Sheet]]) -> None:
    """Offer candidates, made again from each one that is taken."""
    found = True
    while found:
        sheet = take_apart(search.best, search.codes)
        found = any(search.offer_sheet(each) for each in candidates(sheet))


def _fewer_chunks(sheet: Sheet) -> Iterator[Sheet]:
    for number in reversed(range(len(sheet.chunks))):
        smaller = sheet.copy()
        del smaller.chunks[number]
        yield smaller
    if sheet.trailing:
        smaller = sheet.copy()
        smaller.trailing = b""
        yield smaller


def _fewer_images(sheet: Sheet) -> Iterator[Sheet]:
    """Leave images out of a block whose positions can be read and whose labels are plain."""
    for number, chunk in enumerate(sheet.chunks):
        if chunk not in sheet.blocks or chunk.parts["form"][0] >> 5:
            continue
        relative = relative_of(chunk)
        if not relative or len(relative) < 2:
            continue
        length = len(relative) // 2
        while length:
            for at in range(0, len(relative), length):
                smaller = sheet.copy()
                _drop_images(smaller.chunks[number], relative, at, at + length)
                yield smaller
            length //= 2


def _drop_images(block: Chunk, relative: list[int], start: int, end: int) -> None:
    count = len(relative)
    left = relative[:start] + relative[end:]
    first, span = left[0], left[-1] - left[0] + 1
    left = [position - first for position in left]
    encoding = block.parts["form"][0] & 3
    if encoding == BITMAP and span > 20_000:
        return
    labels = decoded(block, "labels")
    planes = [labels[at : at + count] for at in range(0, len(labels), count)]
    put_stream(block, "positions", written(left, span, encoding), compressed=False)
    shorter = b"".join(plane[:start] + plane[end:] for plane in planes)
    put_stream(block, "labels", shorter, compressed=False)
    if "weights" in block.parts:
        codes = decoded(block, "weights")
        bits = 8 if len(codes) == count else 4
        halves = [half for octet in codes for half in (octet & 15, octet >> 4)]
        values = list(codes) if bits == 8 else halves
        shorter = bytes(spec.write_codes(values[:start] + values[end:count], bits))
        put_stream(block, "weights", shorter, compressed=False)
    block.parts["first"] = varint(value_of(block.parts["first"]) + first)
    block.parts["span"], block.parts["count"] = varint(span), varint(len(left))


def _plainer_parts(sheet: Sheet) -> Iterator[Sheet]:
    """Store streams, and put zeros in the place of what may not matter."""
    for number, chunk in enumerate(sheet.chunks):
        for name, octets in chunk.parts.items():
            if name in (*STREAMS, "text") and is_compressed(chunk, name):
                smaller = sheet.copy()
                put_stream(smaller.chunks[number], name, decoded(chunk, name), compressed=False)
                yield smaller
            if octets.strip(b"\0"):
                smaller = sheet.copy()
                smaller.chunks[number].parts[name] = bytes(len(octets))
                yield smaller


def _shorter_parts(sheet: Sheet) -> Iterator[Sheet]:
    """Leave bytes out of parts whose sizes can follow."""
    for number, chunk in enumerate(sheet.chunks):
        for name, octets in chunk.parts.items():
            length = len(octets)
            while length:
                for at in range(0, len(octets), length):
                    smaller = sheet.copy()
                    shorter = octets[:at] + octets[at + length :]
                    put_stream(smaller.chunks[number], name, shorter)
                    yield smaller
                length //= 2


def _shorter_bytes(search: _Search) -> None:
    """Leave bytes out of the whole, with checksums as they come and repaired."""
    length = len(search.best) // 2
    while length and not search.over:
        at = 0
        while at < len(search.best):
            shorter = search.best[:at] + search.best[at + length :]
            if not (search.offer(shorter) or search.offer(take_apart(shorter).unpin().build())):
                at += length
        length //= 2
