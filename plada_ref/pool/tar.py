"""Tar shards (WebDataset layout), read in place; nothing is ever extracted to disk.

ImageNet comes as a tar file of tar files, one for each class: these are read in place as well.

A shard that is damaged, cut short, or several archives in one would silently lose images: each of
these is an error, see `tar_headers`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO

import pyarrow as pa

from ..errors import PipelineError
from ..limits import check_image, limits
from ..storage.location import filesystem, fingerprint, state_of
from ..storage.ranges import opened, read_range
from .keys import KEY_RULES, is_synset_tar, reason_to_skip, shard_key
from .offsets import Indexes, Member, OffsetIndex, ShardIndexes
from .shard import Entry, Remarks, Shard
from .tar_headers import BadTar, tar_members


class TarShards:
    """Images in the members of uncompressed tar files."""

    def __init__(self, urls: list[str], indexes: Indexes | None = None) -> None:
        self.urls = urls
        self._indexes: Indexes = indexes or ShardIndexes(urls, locate)
        self._index: OffsetIndex | None = None

    def shards(self) -> Iterator[Shard]:
        """Yield a shard for each file."""
        for url in self.urls:
            yield _shard(url)

    def prepare(self) -> None:
        """Build the offset index of all shards, or load it from the cache."""
        if self._index is None:
            self._index = self._indexes.index()

    @property
    def index(self) -> OffsetIndex:
        """The offset index of all shards."""
        self.prepare()
        assert self._index is not None
        return self._index

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
        return read_range(self.urls[number], offset, size)

    def where(self, key: str) -> str:
        """Return the shard that holds an image of it."""
        found = self._find(key)
        return "" if found is None else self.urls[found[0]]

    def place(self, key: str) -> tuple[int, int]:
        """Return a shard and an offset in it, for an order in which reading is fast."""
        found = self._find(key)
        return (0, 0) if found is None else found[:2]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def _find(self, key: str) -> tuple[int, int, int] | None:
        return self.index.find(key)


def _shard(url: str) -> Shard:
    fs, path = filesystem(url)
    info = fs.info(path)
    state = fingerprint(KEY_RULES, state_of(info))
    return Shard(url, state, int(info["size"] or 0), partial(_entries, url))


def _entries(url: str, remarks: Remarks) -> Iterator[Entry]:
    with opened(url) as (file, length):
        for member in members(file, length, url, remarks.skipped, remarks.warnings):
            file.seek(member.offset)
            data = file.read(member.size)
            if len(data) != member.size:
                raise PipelineError(
                    f"The shard {url!r} became shorter while it was read; run the same command "
                    "again."
                )
            yield member.key, data


Judge = Callable[[str, str], str | None]
"""Says why a member is left out, from its name and its kind (file, folder, other), or None."""


def _judge(name: str, kind: str) -> str | None:
    if kind == "folder":
        return "folder"
    return reason_to_skip(name) if kind == "file" else "not-a-file"


def locate(url: str, judge: Judge = _judge, warnings: list[str] | None = None) -> Iterator[Member]:
    """Yield the image members of a shard; reads headers only.

    Args:
        judge, warnings: as for `members`.

    Raises:
        PipelineError: if the shard is damaged or cut short.
    """
    with opened(url) as (file, length):
        yield from members(file, length, url, Counter(), warnings, judge=judge)


def members(
    file: IO[bytes],
    length: int,
    url: str,
    skipped: Counter[str],
    warnings: list[str] | None = None,
    *,
    judge: Judge = _judge,
) -> Iterator[Member]:
    """Yield the image members of the open shard `file` of `length` bytes, in stored order.

    Args:
        skipped: files that are left out are counted in it, by reason.
        warnings: sentences about what is odd but not an error are added to it.
        judge: decides which members are images; by default, as for a pool.

    Raises:
        PipelineError: if the shard is damaged or cut short, or an image is too large; the message
            names `url`.
    """
    odd: list[str] = []
    most = limits().image
    try:
        for member in _members(file, 0, length, skipped, odd, judge, outer=True):
            if member.size > most:
                check_image(member.key, member.size, url)
            yield member
    except BadTar as exc:
        raise PipelineError(
            f"The shard {url!r} is not a readable tar file ({exc}); {exc.remedy}. "
            "Shards are uncompressed .tar files."
        ) from exc
    if warnings is not None:
        warnings += [f"In the shard {url!r}, {problem}" for problem in odd]


def _members(
    file: IO[bytes],
    start: int,
    end: int,
    skipped: Counter[str],
    warnings: list[str],
    judge: Judge,
    *,
    outer: bool,
) -> Iterator[Member]:
    """Yield the images of the tar file in the bytes from `start` to `end` of `file`."""
    for stored in tar_members(file, start, end, warnings):
        if outer and stored.is_file and is_synset_tar(stored.name):
            behind = stored.offset + stored.size
            yield from _members(file, stored.offset, behind, skipped, warnings, judge, outer=False)
            continue
        kind = "folder" if stored.is_folder else "file" if stored.is_file else "other"
        reason = judge(stored.name, kind)
        if reason is not None:
            skipped.update([reason] if kind != "folder" else [])
            continue
        if stored.sparse:
            raise BadTar(
                f"the image at byte {stored.header} is stored without its holes, as tar -S does",
                "pack it again without -S",
            )
        key = shard_key(stored.name)
        assert key is not None  # reason_to_skip has checked it.
        yield Member(key, stored.offset, stored.size)
