"""Tar shards (WebDataset layout), read in place; nothing is ever extracted to disk.

ImageNet comes as a tar file of tar files, one for each class: these are read in place as well.

`tarfile` ends quietly at a damaged header and does not ask for the end-of-archive marker, so a
shard that was cut short would silently lose images. Here both are errors.
"""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, Self

from ..errors import PipelineError
from .keys import KEY_RULES, is_synset_tar, reason_to_skip, shard_key
from .location import filesystem, fingerprint
from .offsets import Member, OffsetIndex
from .run import Entry, Run


class TarShards:
    """Images in the members of uncompressed tar files."""

    def __init__(self, urls: list[str]) -> None:
        self.urls = urls
        self._index: OffsetIndex | None = None

    def runs(self) -> Iterator[Run]:
        """One run per shard."""
        for url in self.urls:
            yield _run(url)

    def prepare(self) -> None:
        """Build the offset index of all shards, or load it from the cache."""
        if self._index is None:
            self._index = OffsetIndex.of_shards(self.urls, locate)

    def read(self, key: str) -> bytes:
        """The bytes of one member; a shard is opened anew each time, so forks do not matter."""
        place = self._find(key)
        if place is None:
            raise KeyError(key)
        shard, offset, size = place
        fs, path = filesystem(self.urls[shard])
        data: bytes = fs.cat_file(path, start=offset, end=offset + size) if size else b""
        return data

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def _find(self, key: str) -> tuple[int, int, int] | None:
        self.prepare()
        assert self._index is not None
        return self._index.find(key)


def _run(url: str) -> Run:
    fs, path = filesystem(url)
    info = fs.info(path)

    def entries(skipped: Counter[str]) -> Iterator[Entry]:
        with fs.open(path, "rb") as file:
            for member in members(file, int(info["size"]), url, skipped):
                file.seek(member.offset)
                yield member.key, file.read(member.size)

    state = fingerprint(KEY_RULES, sorted(info.items(), key=str))
    return Run(url, state, int(info["size"]), entries)


def locate(url: str) -> Iterator[Member]:
    """The image members of a shard; reads headers only."""
    fs, path = filesystem(url)
    with fs.open(path, "rb") as file:
        yield from members(file, int(fs.info(path)["size"]), url, Counter())


def members(file: IO[bytes], length: int, url: str, skipped: Counter[str]) -> Iterator[Member]:
    """Yield the image members of the open shard `file` of `length` bytes, in stored order.

    Raises:
        PipelineError: if the shard is damaged or cut short; the message names `url`.
    """
    try:
        yield from _members(file, 0, length, skipped, outer=True)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError, EOFError) as exc:
        raise PipelineError(
            f"The shard {url!r} is no readable tar file ({exc}); fetch it again. "
            "Shards are uncompressed .tar files."
        ) from exc


def _members(
    file: IO[bytes], start: int, end: int, skipped: Counter[str], *, outer: bool
) -> Iterator[Member]:
    """The images of the tar file in the bytes from `start` to `end` of `file`.

    tarfile counts offsets from the beginning of `file`, wherever it starts to read.
    """
    file.seek(start)
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", tarinfo=_Header) as archive:
        last = -1
        while (info := archive.next()) is not None:
            # tarfile keeps every header that it has seen: gigabytes in a shard of millions.
            vars(archive)["members"].clear()
            behind = info.offset_data + info.size
            if info.size < 0 or archive.offset <= last:
                raise tarfile.ReadError(f"the header at byte {info.offset} points backwards")
            last = archive.offset
            if behind > end:
                raise tarfile.ReadError(
                    f"the member at byte {info.offset} ends at byte {behind} of {end}"
                )
            if outer and _is_file(info) and is_synset_tar(info.name):
                yield from _members(file, info.offset_data, behind, skipped, outer=False)
                continue
            reason = reason_to_skip(info.name) if _is_file(info) else "not-a-file"
            if reason is not None:
                skipped[reason] += not info.isdir()
                continue
            key = shard_key(info.name)
            assert key is not None  # reason_to_skip has looked at it.
            yield Member(key, info.offset_data, info.size)
        _check_end(archive.offset, end, file)


class _Header(tarfile.TarInfo):
    """A member's header; that of a plain file is parsed quicker than `tarfile` does.

    Owner, mode and time do not matter here, and reading them takes most of the time of indexing a
    shard of small images. Whatever is not plain is left to `tarfile`.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The header in the 512 bytes `buf`."""
        plain = _PLAIN.fullmatch(buf) if len(buf) == tarfile.BLOCKSIZE else None
        # The checksum counts its own eight bytes as spaces.
        if plain is None or sum(buf) - sum(buf[148:156]) + 8 * 0x20 != int(plain["sum"], 8):
            return super().frombuf(buf, encoding, errors)
        header = cls(plain["name"].decode(encoding, errors))
        header.size = int(plain["size"], 8)
        return header


_PLAIN = re.compile(
    rb"(?P<name>[^\0]{1,99})\0+(?<=\A.{100}).{24}(?P<size>[0-7]{11})[\0 ].{12}"
    rb"(?P<sum>[0-7]{6})\0 0\0{100}ustar(?:\x0000|  \0).{80}\0{167}",
    re.DOTALL,
)
"""A file (type 0) without a link, a name prefix, or anything behind the fields of ustar."""


def _is_file(info: tarfile.TarInfo) -> bool:
    return info.isreg() and not info.issparse()


def _check_end(offset: int, end: int, file: IO[Any]) -> None:
    if offset + tarfile.BLOCKSIZE > end:
        raise tarfile.ReadError(f"it ends at byte {end} without the end-of-archive marker")
    file.seek(offset)
    if any(file.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError(f"the header at byte {offset} is damaged")
