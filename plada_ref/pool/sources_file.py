"""Where a pool's images are, in a small file beside its manifest: ``pool.sources.json``.

It is a hint for commands that are not told. Nothing is trusted because of it: every image is
compared with the manifest when it is read. Paths in it are relative to its folder, so that a folder
that holds both can be moved.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pladafmt import json_text
from pladafmt.files import is_stream, read_at_most, write_whole

from ..errors import Misuse, PipelineError
from ..storage.fetched import below, origin, sibling
from ..storage.location import is_address, is_local

_MANIFEST, _SOURCES = ".parquet", ".sources.json"
_LAYOUT = 1
_MOST = 1 << 20
"""Bytes of such a file, which has some hundred."""

_REMEMBERED = frozenset({"http", "https", "s3", "gs", "gcs", "az", "abfs", "abfss", "hf", "memory"})
"""Protocols of places that just hold files. Others of fsspec run programs or log in elsewhere, and
this file may come from a stranger."""


def sources_beside(manifest: str | os.PathLike[str]) -> Path:
    """Where the file is: ``pool.parquet`` has ``pool.sources.json``."""
    path = Path(manifest)
    return path.with_name(path.name.removesuffix(_MANIFEST) + _SOURCES)


def stored_sources(manifest: str | os.PathLike[str]) -> Path:
    """Where the file is, which need not be there; that of a manifest that was fetched is, too."""
    return sibling(Path(manifest), sources_beside(manifest).name, most=_MOST)


def remember(manifest: str | os.PathLike[str], sources: Sequence[str]) -> Path | None:
    """Write beside a manifest where its images are; return the file.

    Args:
        sources: paths, globs and URLs, as `plada_ref.pool.open_source` takes them.

    Returns:
        None if nothing was written, and an older file removed: the manifest is no file, or one of
        the places is not one that can be remembered.
    """
    if is_stream(Path(manifest)):
        return None
    path = sources_beside(manifest)
    folder = path.resolve().parent
    if not all(map(_can_be_remembered, sources)):
        path.unlink(missing_ok=True)
        return None
    places = [_relative(source, folder) if is_local(source) else source for source in sources]
    write_whole(path, sources_bytes(places))
    return path


def sources_bytes(places: Sequence[str]) -> bytes:
    """Return a file that says where images are.

    Args:
        places: paths that lead from its folder, and URLs.
    """
    text = json.dumps({"layout": _LAYOUT, "sources": list(places)}, indent=1, ensure_ascii=False)
    return f"{text}\n".encode("utf-8", "surrogateescape")


def remembered(manifest: str | os.PathLike[str]) -> list[str]:
    """Read from the file beside a manifest where its images are; paths lead from here.

    Raises:
        Misuse: if there is no such file.
        PipelineError: if it cannot be understood.
    """
    path = stored_sources(manifest)
    if not path.exists():
        raise Misuse(
            f"Nothing says where the images of {str(manifest)!r} are: there is no {str(path)!r}, "
            "which plada pool index writes. Give image folders, .tar or .parquet files (--pool)."
        )
    return places_in(read_at_most(path, _MOST), origin(path) or str(path))


def places_in(data: bytes, place: str) -> list[str]:
    """Return what a file says that says where images are.

    Args:
        data: its bytes.
        place: its path, or its address; what it says leads from there.

    Raises:
        PipelineError: if it cannot be understood, or leads elsewhere than it may.
    """
    wrong = f"{place!r} does not say where the images are; remove it, and give --pool."
    try:
        stored = json_text.parse(data, depth=4)
    except ValueError as exc:
        raise PipelineError(f"{wrong} ({exc})") from exc
    places = stored.get("sources") if isinstance(stored, dict) else None
    if not isinstance(places, list) or not places or stored.get("layout") != _LAYOUT:
        raise PipelineError(wrong)
    if not all(isinstance(each, str) and _can_be_remembered(each) for each in places):
        raise PipelineError(wrong)
    if not is_address(place):
        folder = Path(place).parent
        return [str(folder / each) if is_local(each) else each for each in places]
    try:
        return [below(place, each) if is_local(each) else each for each in places]
    except ValueError as exc:
        raise PipelineError(
            f"{place!r} names the place {exc}, which is not on that server; give --pool."
        ) from exc


def _can_be_remembered(source: str) -> bool:
    if not source or "\0" in source:
        return False
    return is_local(source) or ("::" not in source and urlsplit(source).scheme in _REMEMBERED)


def _relative(path: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(Path(path).expanduser(), folder)).as_posix()
    except ValueError:  # On another drive of Windows.
        return os.path.abspath(path)
