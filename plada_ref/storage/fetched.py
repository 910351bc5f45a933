"""What was fetched from addresses, kept on this computer and verified whenever it is used.

A file lies under its own name in a folder for the folder that it comes from, in
`cache_folder("files")`, so that what belongs together, such as a manifest and its codes, lies
together here as well. Beside that folder, ``.about`` records of each file its address, its
SHA-256, and what the server said of the version: a file is fetched again when the server has
another one, and also when the bytes here are no longer those that came.

Whoever may write into the cache folder is trusted, as the program itself is.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pladafmt import json_text
from pladafmt.files import read_at_most, replacing, write_whole

from ..errors import Misuse, PipelineError
from ..limits import limits
from .cache import cache_folder
from .download import OnBytes, absent, download, unreachable
from .location import filesystem, fingerprint, is_address, of_client, state_of

_LAYOUT = 1
_ABOUT = ".about"
_RECORDED = ("address", "sha256", "state")
_MOST_ABOUT = 1 << 16


def fetched(
    address: str,
    *,
    most: int | None = None,
    sha256: str | None = None,
    on_bytes: OnBytes | None = None,
) -> Path:
    """Return the path of a file with the bytes at an address, which are fetched if need be.

    Args:
        address: ``https://``, ``s3://``, ``gs://``, ``hf://`` or another that fsspec knows.
        most: bytes that are fetched at most; never more than the limit `download` allows.
        sha256: the digest that the bytes must have, in hex. What is here with this digest is
            returned without asking the server.
        on_bytes: hears how many bytes came.

    Raises:
        FileNotFoundError: if the server says that nothing is there.
        PipelineError: if the server cannot be reached, sends too much, or sends other bytes than
            `sha256` says.
        Misuse: if the protocol is unknown or its package is missing, or it names a folder.
    """
    path = place_of(address)
    about = _about(path)
    if about is not None and about["address"] != address:
        about = None
    if about is not None and sha256 == about["sha256"] == _sha256(path):
        return path
    try:
        state = _state(address)
    except PipelineError as exc:
        if about is not None and about["sha256"] == _sha256(path):
            raise PipelineError(f"{exc} What was fetched before is at {str(path)!r}.") from exc
        raise
    known = about is not None and sha256 is None and about["state"] == state
    if about is not None and known and about["sha256"] == _sha256(path):
        return path
    allowed = limits().download if most is None else min(most, limits().download)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        with open(part, "wb") as file:
            found = download(address, file, most=allowed, on_bytes=on_bytes)
        check_digest(address, found, sha256)
    record = {"layout": _LAYOUT, "address": address, "sha256": found, "state": state}
    _record(path).parent.mkdir(parents=True, exist_ok=True)
    write_whole(_record(path), json.dumps(record).encode())
    return path


def check_digest(address: str, found: str, expected: str | None) -> None:
    """Check the digest of what came from an address.

    Raises:
        PipelineError: if it is another than `expected`.
    """
    if expected is not None and found != expected:
        raise PipelineError(
            f"{address!r} gave other bytes than were published: SHA-256 {found} instead of "
            f"{expected}. Nothing of them is used; tell the publisher."
        )


def local(place: str, *, most: int | None = None) -> Path:
    """Return a path as it is, and of an address the path of what is `fetched` from it."""
    return fetched(place, most=most) if is_address(place) else Path(place)


def origin(path: Path) -> str | None:
    """Return the address that a file in the cache was fetched from; None for other files."""
    about = _about(path)
    return None if about is None else str(about["address"])


def sibling(path: Path, name: str, *, most: int | None = None) -> Path:
    """Return where the file `name` in the folder of `path` is, which need not be there.

    If `path` was fetched, so is the other file, from beside it; unless none is there.

    Raises:
        PipelineError: if the server cannot be reached, or sends too much.
    """
    address = origin(path)
    if address is None:
        return path.with_name(name)
    plain = unquote(name)
    try:
        return fetched(beside(address, plain), most=most)
    except (FileNotFoundError, PermissionError):
        # Stores say of what is not there that it may not be read, where lists may not be.
        place = place_of(beside(address, plain))
        place.unlink(missing_ok=True)
        _record(place).unlink(missing_ok=True)
        return place


def beside(address: str, name: str) -> str:
    """Return the address of the file `name` in the folder of an address."""
    folder, _, query = _split(address)
    return f"{folder}/{quote(name) if urlsplit(address).scheme in _WEB else name}{query}"


def below(address: str, place: str) -> str:
    """Return the address of a path that leads from the folder of an address.

    Raises:
        ValueError: if it leads out of the server, or is no relative path with slashes.
    """
    folder, _, query = _split(address)
    scheme, _, rest = folder.partition("://")
    host, *parts = rest.split("/")
    if place.startswith(("/", "~")) or "\\" in place or place[1:2] == ":":
        raise ValueError(repr(place))
    for part in place.split("/"):
        if part == ".." and not parts:
            raise ValueError(repr(place))
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return f"{scheme}://{'/'.join([host, *parts])}{query}"


_WEB = ("http", "https")


def _split(address: str) -> tuple[str, str, str]:
    """Return the folder of an address, the name in it, and the query of a web address."""
    query = ""
    if urlsplit(address).scheme in _WEB:
        parts = urlsplit(address)
        query = f"?{parts.query}" if parts.query else ""
        address = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    folder, _, name = address.rpartition("/")
    return folder, unquote(name) if query or "%" in name else name, query


def place_of(address: str) -> Path:
    """Return where the file of an address is kept, which need not be there.

    Raises:
        Misuse: if it is the address of a folder.
    """
    folder, name, query = _split(address)
    if "://" not in f"{folder}/" or name in ("", ".", ".."):
        raise Misuse(f"{address!r} names no file; give the address of a file.")
    return _home() / fingerprint(folder, query)[:32] / quote(name, safe=" ")


def _home() -> Path:
    folder = cache_folder("files").absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _of_process()
    return folder


@functools.cache
def _of_process() -> Path:
    """A folder in place of the cache for who has none; it goes with the process."""
    folder = tempfile.mkdtemp(prefix="plada-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _record(path: Path) -> Path:
    return path.parent.with_name(path.parent.name + _ABOUT) / f"{path.name}.json"


def _about(path: Path) -> dict[str, Any] | None:
    """What is recorded of a file in the cache; None if it is none, or the record is damaged."""
    # A folder from a stranger may hold something that looks like a record.
    if Path(path).absolute().parent.parent != _home():
        return None
    with suppress(OSError, ValueError):
        about: Any = json_text.parse(read_at_most(_record(Path(path)), _MOST_ABOUT), depth=2)
        told = isinstance(about, dict) and about.get("layout") == _LAYOUT
        if told and all(isinstance(about.get(key), str) for key in _RECORDED):
            return dict(about)
    return None


def _sha256(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _state(address: str) -> str:
    """Return what tells the version that the server has now from another one."""
    fs, path = filesystem(address)
    try:
        fs.invalidate_cache()
        return fingerprint(state_of(fs.info(path)))
    except FileNotFoundError as exc:
        # To fsspec a server that is down has no file, and so has one that refuses to say.
        cause = exc.__cause__
        if cause is None or getattr(cause, "status", None) in (404, 410):
            raise absent(address) from exc
        if isinstance(cause, OSError):
            raise unreachable(address, cause) from exc
        return fingerprint(state_of({}))  # The download will say what is wrong.
    except PermissionError:
        raise
    except Exception as exc:
        if not isinstance(exc, OSError) and not of_client(exc):
            raise
        raise unreachable(address, exc) from exc
