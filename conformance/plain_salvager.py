"""A plain salvager of `.plada` files: section 13.2 of the specification.

It finds what is whole by itself, has the plain decoder check the contents, and the plain writer
write what comes back as one block. Its work is linear in the size of the file. `clients/plain.py`
serves it.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from . import plain_decoder as reader
from . import plain_writer as writer

__all__ = ["Unsalvageable", "salvage"]

_HEAD, _CLASS_MAP, _META, _RULE = 0x01, 0x02, 0xC1, 0x05
_BLOCK, _SIGN, _END = 0x03, 0x82, 0x04
_ANCILLARY = 0x80
_RULE_FEATURE = 16
_PREAMBLE_SIZE = 9


class Unsalvageable(Exception):
    """A file of which nothing comes back; a sentence says why."""


# ---------------------------------------------------------------- The CRC of a range

_ONES = 0xFFFFFFFF  # what zlib inverts the register with, before and after
_POLYNOMIAL = 0xEDB88320


def _zero_bit(register: int) -> int:
    return register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)


def _tables(powers: list[int]) -> list[list[int]]:
    """Return, for each byte of a register, the images of its values under a linear map.

    `powers` are the images of the registers that have one bit set, from bit 0.
    """
    tables = []
    for byte in range(4):
        table = [0]
        for power in powers[8 * byte : 8 * byte + 8]:
            table += [value ^ power for value in table]
        tables.append(table)
    return tables


def _apply(tables: list[list[int]], register: int) -> int:
    a, b, c, d = tables
    return a[register & 255] ^ b[register >> 8 & 255] ^ c[register >> 16 & 255] ^ d[register >> 24]


class _Crcs:
    """The CRC of every range of the data, each in a time that grows with the digits of its size."""

    def __init__(self, data: bytes) -> None:
        # The register after each prefix, started at 0: Q of section 13.2.
        self._prefix = array("L", [0])
        crc = _ONES
        for at in range(len(data)):
            crc = zlib.crc32(data[at : at + 1], crc)
            self._prefix.append(crc ^ _ONES)
        # What 1, 2, 4 ... zero bytes make of a register.
        powers = [1 << bit for bit in range(32)]
        for _ in range(8):
            powers = [_zero_bit(power) for power in powers]
        self._shifts = [_tables(powers)]
        for _ in range(len(data).bit_length()):
            powers = [_apply(self._shifts[-1], power) for power in powers]
            self._shifts.append(_tables(powers))

    def of(self, start: int, end: int, seed: int) -> int:
        """Return the CRC of a range, where `seed` is that of what stands before it."""
        register = seed ^ _ONES ^ self._prefix[start]
        size = end - start
        for shift in self._shifts:
            if size & 1:
                register = _apply(shift, register)
            size >>= 1
        return register ^ self._prefix[end] ^ _ONES


# ---------------------------------------------------------------- Intact chunks


@dataclass(frozen=True)
class _Chunk:
    kind: int
    body: bytes
    crc: int
    end: int


class _Scan:
    """The intact chunks of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._crcs = data, _Crcs(data)

    def chunks(self, known: Collection[int], head_crc: int | None = None) -> Iterator[_Chunk]:
        """Yield the intact chunks, none of which overlaps another.

        Args:
            known: the types that are looked for where no chunk has to be.
            head_crc: that of the HEAD in use; without it, HEAD alone is intact of critical chunks.
        """
        whole = len(self._data) > _PREAMBLE_SIZE and self._intact(_PREAMBLE_SIZE, head_crc)
        at = _PREAMBLE_SIZE if whole else 0
        behind = True  # the preamble, or an intact chunk
        while at < len(self._data):
            chunk = self._intact(at, head_crc) if behind or self._data[at] in known else None
            behind = chunk is not None
            if chunk is None:
                at += 1
            else:
                yield chunk
                at = chunk.end

    def _intact(self, at: int, head_crc: int | None) -> _Chunk | None:
        """Return the chunk at this place, if it is intact."""
        try:
            kind, length, start = reader._read_header(self._data, at)
        except reader.Refused:
            return None
        end = start + length
        seed = 0 if kind & _ANCILLARY or kind == _HEAD else head_crc
        if seed is None or end + 4 > len(self._data):
            return None
        crc = self._crcs.of(at, end, seed)
        if crc != int.from_bytes(self._data[end : end + 4], "little"):
            return None
        return _Chunk(kind, self._data[start:end], crc, end + 4)


def _first_head(scan: _Scan) -> _Chunk:
    for chunk in scan.chunks({_HEAD, _META, _SIGN}):
        if chunk.kind == _HEAD:
            return chunk
    raise Unsalvageable("No HEAD is intact.")


# ---------------------------------------------------------------- What comes back


@dataclass
class _Found:
    """What has come back so far."""

    head: reader._File
    names: list[str] | None = None
    identifiers: list[str] | None = None
    metadata: bytes | None = None
    copied: list[writer.Chunk] = field(default_factory=list)

    def block(self, body: bytes) -> None:
        """Take the images of a block, if it passes all checks.

        Raises:
            Refused: it does not.
        """
        file = self.head
        trial = self._trial()
        trial.kept -= len(file.positions)
        reader._read_block(body, trial)
        file.positions += trial.positions
        file.labels += trial.labels
        file.codes += trial.codes
        file.end = trial.end

    def text(self, kind: int, body: bytes) -> None:
        """Take CLASSES or META, if it passes all checks.

        Raises:
            Refused: it does not.
        """
        trial = self._trial()
        if kind == _CLASS_MAP:
            reader._read_class_map(body, trial, reader.Limits())
            self.names, self.identifiers = trial.names, trial.identifiers
        else:
            reader._read_metadata(body, trial, reader.Limits())
            self.metadata = body

    def rule(self, body: bytes, codes: Sequence[bytes] | None) -> None:
        """Take what a rule keeps beside the blocks.

        Raises:
            Refused: the rule does not pass all checks, or the codes are not its own, or none.
        """
        file = self.head
        trial = self._trial()
        trial.positions, trial.labels = file.positions[:], file.labels[:]
        reader._read_rule(body, trial, reader.Limits())
        assert trial.rule is not None
        reader._apply_rule(trial.rule, trial, codes)
        if len(trial.positions) > file.kept:
            raise reader.Refused("kept-total")
        file.positions, file.labels = trial.positions, trial.labels

    def _trial(self) -> reader._File:
        """Return HEAD with no image read, and the end of the last block."""
        positions, labels = self.head.positions[:0], self.head.labels[:0]
        return replace(self.head, positions=positions, labels=labels, codes=bytearray())


def salvage(
    data: bytes, *, head_file: bytes | None = None, codes: Sequence[bytes] | None = None
) -> tuple[bytes, int]:
    """Return a valid file of what is whole in a damaged one.

    Args:
        data: the damaged file.
        head_file: another file, whose HEAD is taken; None for the file's own.
        codes: the codes of the pool's images, for a file with a rule.

    Returns:
        The file, and how many of the images that HEAD promises it lacks.

    Raises:
        Unsalvageable: nothing comes back.
    """
    scan = _Scan(data)
    head = _first_head(scan if head_file is None else _Scan(head_file))
    try:
        found = _Found(
            reader._read_head(head.body, head.crc, reader.Limits(), reader.KNOWN_FEATURES)
        )
    except reader.Refused as refused:
        raise Unsalvageable(f"HEAD is refused: {refused.code}.") from refused
    rules = []
    own = head_file is None
    for chunk, in_place in _in_order(scan, head, found.head.features, own=own):
        try:
            if chunk.kind == _BLOCK:
                found.block(chunk.body)
            elif chunk.kind == _RULE and in_place:
                rules.append(chunk.body)
            elif chunk.kind in (_CLASS_MAP, _META) and in_place:
                found.text(chunk.kind, chunk.body)
            elif chunk.kind & 0xC0 == 0xC0 and in_place:
                found.copied.append((chunk.kind, chunk.body))
        except reader.Refused:
            continue  # it stays out
    for body in rules:
        with suppress(reader.Refused):
            found.rule(body, codes)
    file = found.head
    lost = file.kept - len(file.positions)
    if file.kept and not file.positions:
        raise Unsalvageable("No image comes back.")
    return _written(found), lost


def _in_order(
    scan: _Scan, head: _Chunk, features: int, *, own: bool
) -> Iterator[tuple[_Chunk, bool]]:
    """Yield the intact chunks, and whether a reader would accept each in its place.

    `own` says that HEAD is the file's own, and nothing before it is in its place.

    Raises:
        Unsalvageable: if a critical chunk is intact and not known.
    """
    known = {_HEAD, _CLASS_MAP, _META, _BLOCK, _SIGN, _END}
    if features & _RULE_FEATURE:
        known.add(_RULE)
    before = [_HEAD]
    started, foreign = not own, False  # behind HEAD; behind the HEAD of another payload
    for chunk in scan.chunks(known, head.crc):
        if chunk.kind == _HEAD:
            started = True
            foreign |= chunk.body != head.body
        if not chunk.kind & _ANCILLARY and chunk.kind not in known:
            raise Unsalvageable(f"A critical chunk of type {chunk.kind:02X} is not known.")
        in_place = started and _END not in before and not (foreign and chunk.kind & _ANCILLARY)
        try:
            reader._check_place(chunk.kind, before, features)
        except reader.Refused:
            in_place = False
        if in_place or (chunk.kind == _BLOCK and not started):
            before.append(chunk.kind)
        yield chunk, in_place


def _written(found: _Found) -> bytes:
    file = found.head
    payload = writer.Payload(
        pool_id=file.pool_id,
        pool_size=file.pool_size,
        classes=file.classes,
        names=found.names,
        identifiers=found.identifiers,
        weight_scale=file.weight_scale,
        positions=file.positions,
        labels=file.labels,
        codes=file.codes,
    )
    return writer.write(payload, metadata=found.metadata, more=found.copied)
