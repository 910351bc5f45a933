"""Tar shards (WebDataset layout), read in place; nothing is ever extracted to disk.

`tarfile` ends quietly at a damaged header and does not ask for the end-of-archive marker, so a
shard that was cut short would silently lose images. Here both are errors.
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

from ..errors import PipelineError
from .keys import clean_key, reason_to_skip
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

    return Run(url, fingerprint(sorted(info.items(), key=str)), int(info["size"]), entries)


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
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as archive:
            yield from _members(archive, file, length, url, skipped)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError, EOFError) as exc:
        raise PipelineError(
            f"The shard {url!r} is no readable tar file ({exc}); fetch it again. "
            "Shards are uncompressed .tar files."
        ) from exc


def _members(
    archive: tarfile.TarFile, file: IO[bytes], length: int, url: str, skipped: Counter[str]
) -> Iterator[Member]:
    last = -1
    while (info := archive.next()) is not None:
        # tarfile keeps every header that it has seen: gigabytes in a shard of millions.
        vars(archive)["members"].clear()
        end = info.offset_data + info.size
        if info.size < 0 or archive.offset <= last:
            raise tarfile.ReadError(f"the header at byte {info.offset} points backwards")
        last = archive.offset
        if end > length:
            raise tarfile.ReadError(
                f"the member at byte {info.offset} ends at byte {end} of {length}"
            )
        reason = _reason_to_skip(info)
        if reason is not None:
            skipped[reason] += not info.isdir()
            continue
        key = clean_key(info.name)
        assert key is not None  # reason_to_skip has looked at it.
        yield Member(key, info.offset_data, info.size)
    _check_end(archive, file)


def _reason_to_skip(info: tarfile.TarInfo) -> str | None:
    if not info.isreg() or info.issparse():
        return "not-a-file"
    return reason_to_skip(info.name)


def _check_end(archive: tarfile.TarFile, file: IO[Any]) -> None:
    file.seek(archive.offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends without the end-of-archive marker")
    if any(block):
        raise tarfile.ReadError(f"the header at byte {archive.offset} is damaged")
