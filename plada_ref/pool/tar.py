"""Tar shards (WebDataset layout), read in place; nothing is ever extracted to disk.

ImageNet comes as a tar file of tar files, one for each class: these are read in place as well.

`tarfile` ends quietly at a damaged header and does not ask for the end-of-archive marker, so a
shard that was cut short would silently lose images. Here both are errors.
"""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any, NamedTuple
from zlib import adler32

import pyarrow as pa

from ..errors import PipelineError
from .keys import KEY_RULES, is_synset_tar, reason_to_skip, shard_key
from .location import filesystem, fingerprint
from .offsets import Member, OffsetIndex, ShardIndexes
from .shard import Entry, Shard


class TarShards:
    """Images in the members of uncompressed tar files."""

    def __init__(self, urls: list[str], indexes: ShardIndexes | None = None) -> None:
        self.urls = urls
        self._indexes = indexes or ShardIndexes(urls, locate)
        self._index: OffsetIndex | None = None

    def shards(self) -> Iterator[Shard]:
        """Yield a shard for each file."""
        for url in self.urls:
            yield _shard(url)

    def prepare(self) -> None:
        """Build the offset index of all shards, or load it from the cache."""
        if self._index is None:
            self._index = self._indexes.index()

    def only(self, keys: pa.LargeStringArray) -> TarShards:
        """Return the same shards with the offsets of these keys only."""
        narrowed = TarShards(self.urls, self._indexes)
        narrowed._index = self._indexes.index(keys)
        return narrowed

    def read(self, key: str) -> bytes:
        """Read one member; opens the shard each time, so it works after a fork."""
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        number, offset, size = found
        fs, path = filesystem(self.urls[number])
        data: bytes = fs.cat_file(path, start=offset, end=offset + size) if size else b""
        return data

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def _find(self, key: str) -> tuple[int, int, int] | None:
        self.prepare()
        assert self._index is not None
        return self._index.find(key)


def _shard(url: str) -> Shard:
    fs, path = filesystem(url)
    info = fs.info(path)
    state = fingerprint(KEY_RULES, sorted(info.items(), key=str))
    return Shard(url, state, int(info["size"]), partial(_entries, url))


def _entries(url: str, skipped: Counter[str]) -> Iterator[Entry]:
    fs, path = filesystem(url)
    with fs.open(path, "rb") as file:
        for member in members(file, int(fs.info(path)["size"]), url, skipped):
            file.seek(member.offset)
            yield member.key, file.read(member.size)


Judge = Callable[[str, str], str | None]
"""Says why a member is left out, from its name and its kind (file, folder, other), or None."""


def _judge(name: str, kind: str) -> str | None:
    if kind == "folder":
        return "folder"
    return reason_to_skip(name) if kind == "file" else "not-a-file"


def locate(url: str, judge: Judge = _judge) -> Iterator[Member]:
    """Yield the image members of a shard; reads headers only."""
    fs, path = filesystem(url)
    with fs.open(path, "rb") as file:
        yield from members(file, int(fs.info(path)["size"]), url, Counter(), judge)


def members(
    file: IO[bytes], length: int, url: str, skipped: Counter[str], judge: Judge = _judge
) -> Iterator[Member]:
    """Yield the image members of the open shard `file` of `length` bytes, in stored order.

    Args:
        skipped: members that are left out are counted in it, by reason; folders are not.
        judge: decides which members are images; by default, as for a pool.

    Raises:
        PipelineError: if the shard is damaged or cut short; the message names `url`.
    """
    try:
        yield from _members(file, 0, length, skipped, judge, outer=True)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError, EOFError) as exc:
        raise PipelineError(
            f"The shard {url!r} is not a readable tar file ({exc}); fetch it again. "
            "Shards are uncompressed .tar files."
        ) from exc


def _members(
    file: IO[bytes], start: int, end: int, skipped: Counter[str], judge: Judge, *, outer: bool
) -> Iterator[Member]:
    """Yield the images of the tar file in the bytes from `start` to `end` of `file`.

    tarfile counts offsets from the beginning of `file`, wherever it starts to read.
    """
    file.seek(start)
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as archive:
        for stored in _all_members(archive, file):
            behind = stored.offset + stored.size
            if behind > end:
                raise tarfile.ReadError(
                    f"the member at byte {stored.header} ends at byte {behind} of {end}"
                )
            if outer and stored.is_file and is_synset_tar(stored.name):
                yield from _members(file, stored.offset, behind, skipped, judge, outer=False)
                continue
            kind = "folder" if stored.is_folder else "file" if stored.is_file else "other"
            reason = judge(stored.name, kind)
            if reason is not None:
                skipped.update([reason] if kind != "folder" else [])
                continue
            key = shard_key(stored.name)
            assert key is not None  # reason_to_skip has checked it.
            yield Member(key, stored.offset, stored.size)
        _check_end(archive.offset, end, file)


class _TarMember(NamedTuple):
    """A member of any kind, whose header begins at `header` and its `size` bytes at `offset`."""

    name: str
    header: int
    offset: int
    size: int
    is_file: bool = True
    is_folder: bool = False


def _all_members(archive: tarfile.TarFile, file: IO[bytes]) -> Iterator[_TarMember]:
    """Yield every member of `archive`, which reads `file`, in stored order.

    tarfile takes 15 us for a header, most of it for owner, mode and time, which do not matter here;
    hashing an image of 100 kB takes six times that. So plain headers are read without it.
    """
    last = -1
    while (info := archive.next()) is not None:
        # tarfile keeps every header that it has seen: gigabytes in a shard of millions.
        vars(archive)["members"].clear()
        if info.size < 0 or archive.offset <= last:
            raise tarfile.ReadError(f"the header at byte {info.offset} points backwards")
        is_file = info.isreg() and not info.issparse()
        yield _TarMember(info.name, info.offset, info.offset_data, info.size, is_file, info.isdir())
        last = archive.offset
        # A global header applies to all members behind it, and tarfile knows how.
        while not archive.pax_headers and (plain := _plain_at(file, last)) is not None:
            yield plain
            last = plain.offset + -(-plain.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        archive.offset = last


def _plain_at(file: IO[bytes], offset: int) -> _TarMember | None:
    """Return the member whose header is at `offset` if the header is plain, else None."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
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
    return _TarMember(text, offset, offset + tarfile.BLOCKSIZE, int(size, 8))


_PLAIN = re.compile(
    rb"([^\0]{1,99})\0+(?<=\A.{100}).{24}([0-7]{11})[\0 ].{12}"
    rb"([0-7]{6})\0 0\0{100}ustar(?:\x0000|  \0).{80}\0{167}",
    re.DOTALL,
)
"""A file (type 0) without a link, a name prefix, or anything behind the fields of ustar."""


def _check_end(offset: int, end: int, file: IO[Any]) -> None:
    if offset + tarfile.BLOCKSIZE > end:
        raise tarfile.ReadError(f"it ends at byte {end} without the end-of-archive marker")
    file.seek(offset)
    if any(file.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError(f"the header at byte {offset} is damaged")
