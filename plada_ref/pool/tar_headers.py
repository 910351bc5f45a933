"""Walk the members of a tar archive: v7, ustar, GNU and pax.

Not with `tarfile`: it ends quietly at a damaged header and at a single block of zeros, takes a
time that grows with the square of a pax header's length, allocates what a header claims, and takes
15 us for a header, most of it for owner, mode and time, which do not matter here.

What readers understand differently (two extended headers in a row, a folder with contents) is an
error here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, NamedTuple
from zlib import adler32

from ..limits import limits, raised
from .keys import reason_to_skip

BLOCK = 512
RECORD = 20 * BLOCK
"""Archives are padded to a multiple of this, by default."""


class BadTar(Exception):
    """The archive is damaged, cut short, or of a kind that is not read; the message says where.

    Attributes:
        remedy: what to do about it, as a clause.
    """

    def __init__(self, problem: str, remedy: str = "fetch it again") -> None:
        super().__init__(problem)
        self.remedy = remedy


class TarMember(NamedTuple):
    """A member of any kind, whose header begins at `header` and its `size` bytes at `offset`.

    Attributes:
        sparse: its stored bytes are those of a file without its holes.
    """

    name: str
    header: int
    offset: int
    size: int
    is_file: bool = True
    is_folder: bool = False
    sparse: bool = False

    @property
    def end(self) -> int:
        """Where the next header begins."""
        return self.offset + -(-self.size // BLOCK) * BLOCK


def tar_members(file: IO[bytes], start: int, end: int, warnings: list[str]) -> Iterator[TarMember]:
    """Yield every member of the archive in the bytes from `start` to `end` of `file`.

    The caller may move the position of `file` between two members.

    Args:
        warnings: sentences are added to it about what is odd but not an error.

    Raises:
        BadTar: if the archive is damaged, or does not end as it should.
    """
    walk = _Walk(file, start, end)
    last: TarMember | None = None
    while (member := walk.next()) is not None:
        if member.offset + member.size > end:
            raise BadTar(
                f"the member at byte {member.header} ends at byte {member.offset + member.size} of "
                f"{end}"
            )
        yield member
        last = member
    _check_end(file, start, walk.offset, end, last, warnings)


class _Walk:
    """Reads the header of one member after the other."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._file = file
        self._end = end
        self._everywhere: dict[str, bytes] = {}
        self.offset = start

    def next(self) -> TarMember | None:
        """Return the next member, or None at a block of zeros."""
        block = self._block()
        if not self._everywhere and (plain := _plain(block, self.offset)) is not None:
            self.offset = plain.end
            return plain
        first = self.offset
        long_name: bytes | None = None
        own: dict[str, bytes] | None = None
        while True:
            if not block.strip(b"\0"):
                if long_name is not None or own is not None:
                    raise BadTar(f"the extended header at byte {first} belongs to no member")
                return None
            _check_sum(block, self.offset)
            kind = block[156:157]
            if kind not in (b"L", b"K", b"x", b"X", b"g"):
                break
            data = self._extension(block)
            if kind == b"g":
                self._everywhere |= _pax_records(data, first)
            elif kind in (b"x", b"X"):
                if own is not None:
                    raise BadTar(f"there are two extended headers in a row at byte {first}")
                own = _pax_records(data, first)
            elif kind == b"L":
                if long_name is not None:
                    raise BadTar(f"there are two long names in a row at byte {first}")
                long_name = data.partition(b"\0")[0]
            block = self._block()
        member = self._member(block, first, long_name, self._everywhere | (own or {}))
        self.offset = member.end
        return member

    def _block(self) -> bytes:
        if self.offset + BLOCK > self._end:
            raise BadTar(f"it ends at byte {self._end} without the end-of-archive marker")
        self._file.seek(self.offset)
        block = self._file.read(BLOCK)
        if len(block) != BLOCK:
            raise BadTar(f"it ends within the header at byte {self.offset}")
        return block

    def _extension(self, block: bytes) -> bytes:
        """Read the data behind the header of an extension, and move to the block behind them."""
        size = _number(block[124:136], self.offset)
        most = limits().tar_header
        if size > most:
            raise BadTar(
                f"the extended header at byte {self.offset} has {size:,} bytes, and the limit is "
                f"{most:,}",
                f"fetch it again, or raise the limit: {raised('tar_header', size)}",
            )
        start = self.offset + BLOCK
        self.offset = start + -(-size // BLOCK) * BLOCK
        if self.offset > self._end:
            raise BadTar(f"the extended header at byte {start - BLOCK} reaches beyond the end")
        self._file.seek(start)
        return self._file.read(size)

    def _member(
        self, block: bytes, first: int, long_name: bytes | None, pax: dict[str, bytes]
    ) -> TarMember:
        at = self.offset
        kind = block[156:157]
        size = _number(block[124:136], at)
        if "size" in pax:
            size = _decimal(pax["size"], at)
        name = block[:100].partition(b"\0")[0]
        if block[257:263] == b"ustar\0" and (prefix := block[345:500].partition(b"\0")[0]):
            name = prefix + b"/" + name
        real = pax.get("GNU.sparse.name", pax.get("path"))
        if long_name is not None and real is not None:
            raise BadTar(f"the header at byte {at} has two long names")
        name = real if real is not None else long_name if long_name is not None else name
        if not name or b"\0" in name:
            raise BadTar(f"the name in the header at byte {at} is damaged")
        offset = at + BLOCK
        is_file = kind in (b"0", b"\0", b"7", b"S")
        is_folder = kind == b"5" or (is_file and name.endswith(b"/"))
        if kind == b"M":
            raise BadTar(f"the member at byte {at} goes on from another volume")
        if kind in b"123456" or is_folder:
            if size and kind != b"1":
                raise BadTar(f"the header at byte {at} gives a folder or link {size:,} bytes")
            size = 0
        sparse = kind == b"S" or any(key.startswith("GNU.sparse.") for key in pax)
        if sparse and kind != b"S" and not _SPARSE_MAPS & pax.keys():
            raise BadTar(f"the header at byte {at} lacks the map of a sparse file")
        if kind == b"S":
            more = block[482]
            while more:
                self._file.seek(offset)
                extension = self._file.read(BLOCK)
                if len(extension) != BLOCK:
                    raise BadTar(f"it ends within the sparse map at byte {offset}")
                offset, more = offset + BLOCK, extension[504]
        text = name.decode("utf-8", "surrogateescape")
        return TarMember(text, first, offset, size, is_file and not is_folder, is_folder, sparse)


def _plain(block: bytes, offset: int) -> TarMember | None:
    """Return the member whose header is `block` if it is plain, else None."""
    found = _PLAIN.fullmatch(block)
    if found is None:
        return None
    name, size, checksum = found.groups()
    # The sum of all bytes, with spaces for the checksum's own eight. An Adler-32 holds the sum of
    # its bytes, plus 1, modulo 65,521, which the bytes that are not 0 here cannot reach.
    total = (adler32(block[:148]) & 0xFFFF) + (adler32(block[156:]) & 0xFFFF) - 2 + 8 * 0x20
    if total != int(checksum, 8):
        return None
    text = name.decode("utf-8", "surrogateescape")
    return TarMember(text, offset, offset + BLOCK, int(size, 8))


_PLAIN = re.compile(
    rb"([^\0]{0,98}[^\0/])\0+(?<=\A.{100}).{24}([0-7]{11})[\0 ].{12}"
    rb"([0-7]{6})\0 0\0{100}ustar(?:\x0000|  \0).{80}\0{167}",
    re.DOTALL,
)
"""A file (type 0) without a link, a name prefix, or anything behind the fields of ustar."""

_SPARSE_MAPS = {"GNU.sparse.major", "GNU.sparse.map", "GNU.sparse.numblocks"}

_OCTAL = re.compile(rb"[ ]*([0-7]*)[ ]*(?:\0.*)?", re.DOTALL)


def _number(field: bytes, offset: int) -> int:
    """Decode a number of the header at `offset`: octal digits, or base 256 (GNU)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    found = _OCTAL.fullmatch(field)
    if found is None:
        raise BadTar(f"a number in the header at byte {offset} is damaged or negative")
    return int(found[1] or b"0", 8)


def _decimal(value: bytes, offset: int) -> int:
    if not re.fullmatch(rb"\d{1,19}", value):
        raise BadTar(f"a number in the extended header before byte {offset} is damaged")
    return int(value)


def _check_sum(block: bytes, offset: int) -> None:
    found = _OCTAL.fullmatch(block[148:156])
    rest = block[:148] + b" " * 8 + block[156:]
    total = sum(rest)
    # Some old programs summed signed bytes.
    signed = total - 256 * sum(byte > 127 for byte in rest)
    if found is None or not found[1] or int(found[1], 8) not in (total, signed):
        raise BadTar(f"the header at byte {offset} is damaged")


def _pax_records(data: bytes, offset: int) -> dict[str, bytes]:
    """Decode the records ``LENGTH KEY=VALUE\\n`` of a pax header."""
    records: dict[str, bytes] = {}
    at = 0
    while at < len(data) and data[at]:
        space = data.find(b" ", at, at + 20)
        length = data[at:space] if space > 0 else b""
        end = at + int(length) if length.isdigit() else 0
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise BadTar(f"the extended header at byte {offset} is damaged")
        records[key.decode("utf-8", "replace")] = value
        at = end
    return records


def _check_end(
    file: IO[bytes],
    start: int,
    offset: int,
    end: int,
    last: TarMember | None,
    warnings: list[str],
) -> None:
    """Check that two blocks of zeros end the archive, and nothing but zeros follows.

    Raises:
        BadTar: if not, or if so many zeros follow that a part of the archive must be missing.
    """
    most = limits().padding
    length = end - offset
    file.seek(offset)
    tail = file.read(min(length, 2 * BLOCK + most))
    if tail != bytes(len(tail)):
        place = offset + len(tail) - len(tail.lstrip(b"\0"))
        raise BadTar(
            f"zeros end the archive at byte {offset}, but something else follows at byte {place}",
            "fetch it again, or, if it was made of several (cat a.tar b.tar), keep each as a file "
            "of its own",
        )
    if length < 2 * BLOCK:
        raise BadTar(f"it ends at byte {end} with half an end-of-archive marker")
    padding = length - 2 * BLOCK
    if padding < RECORD:
        return
    zeros = f"{length:,} zeros follow the last member, more than the padding of an archive"
    if padding > most or (last is not None and _cut_short(file, last)):
        raise BadTar(
            f"{zeros}: a download that was not finished looks so",
            "fetch it again, or, if you know that it is whole, cut the zeros off: "
            f"truncate -s {offset - start + 2 * BLOCK} FILE",
        )
    warnings.append(f"{zeros}; if a download was interrupted, images are missing.")


def _cut_short(file: IO[bytes], member: TarMember) -> bool:
    """Whether an image's last bytes are zeros, as no finished JPEG or PNG file's are."""
    size = min(8, member.size)
    if not size or reason_to_skip(member.name) is not None:
        return False
    file.seek(member.offset + member.size - size)
    return not file.read(size).strip(b"\0")
