"""A publisher's folder, wherever it is: its index, and files with the digests that it states."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO

from pladafmt.files import replacing

from ..compute.progress import Progress
from ..errors import PipelineError
from ..limits import limits
from ..storage.download import download
from ..storage.fetched import below, check_digest
from ..storage.location import is_address
from .index import INDEX, MOST_INDEX, Index, StoredFile


class Site:
    """What is published at an address, or in a folder.

    Args:
        address: of the folder, or of the index in it; a path of this computer is one as well.

    Attributes:
        place: address or path of the index.
        index: what it offers.
        bytes: fetched so far.

    Raises:
        PipelineError: if the index cannot be read, or is none.
    """

    def __init__(self, address: str) -> None:
        plain, _, query = address.partition("?") if is_address(address) else (address, "", "")
        if not plain.endswith(".json"):
            plain = f"{plain.rstrip('/')}/{INDEX}"
        self.place = f"{plain}?{query}" if query else plain
        self.bytes = 0
        data = io.BytesIO()
        try:
            self._read(self.place, data, MOST_INDEX)
        except FileNotFoundError as exc:
            raise PipelineError(
                f"Nothing is published at {address!r}: there is no {INDEX}, which plada publish "
                "writes."
            ) from exc
        self.index = Index.from_bytes(data.getvalue(), self.place)

    def where(self, file: StoredFile) -> str:
        """Return the address, or the path, of a file."""
        if is_address(self.place):
            return below(self.place, file.path)
        return os.fspath(Path(self.place).parent / file.path)

    def bring(self, file: StoredFile, to: Path, progress: Progress) -> None:
        """Write a file to a path, whole or not at all: with the bytes that the index states.

        Raises:
            PipelineError: if it cannot be fetched, is larger, or has another digest.
        """
        where = self.where(file)
        if file.bytes > limits().download:
            raise PipelineError(
                f"{where!r} has {file.bytes:,} bytes by the index, and the limit is "
                f"{limits().download:,} (PLADA_LIMITS=download=N); nothing was fetched."
            )
        with progress.track(f"Fetching {to.name}", file.bytes) as advance, replacing(to) as part:
            with open(part, "wb") as into:
                try:
                    found = self._read(where, into, file.bytes, advance)
                except FileNotFoundError as exc:
                    raise PipelineError(
                        f"The index names {where!r}, and nothing is there; tell the publisher."
                    ) from exc
            check_digest(where, found, file.sha256)

    def _read(self, place: str, into: IO[bytes], most: int, advance: object = None) -> str:
        def count(size: int) -> None:
            self.bytes += size
            if callable(advance):
                advance(size)

        if is_address(place):
            return download(place, into, most=most, on_bytes=count)
        import hashlib

        digest = hashlib.sha256()
        with open(place, "rb") as stored:
            while data := stored.read(1 << 20):
                count(len(data))
                if into.tell() + len(data) > most:
                    raise PipelineError(f"{place!r} has more bytes than {most:,}, as it may.")
                digest.update(data)
                into.write(data)
        return digest.hexdigest()
