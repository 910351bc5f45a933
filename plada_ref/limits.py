"""Limits for what files from elsewhere may cost, checked before the work.

Whoever sends an image, a shard, a table or a model should not be able to fill our memory with a few
kilobytes. The limits are far above what pools and tasks hold. They are read from the environment,
since each command, and each process of a command, opens the files itself::

    PLADA_LIMITS="image=1GiB,key=16KiB" plada pool index ...
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, fields, replace

from .errors import Misuse, PipelineError

_VARIABLE = "PLADA_LIMITS"
_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_UNITS = {"": 1, "KiB": _KIB, "MiB": _MIB, "GiB": _GIB}


@dataclass(frozen=True)
class Limits:
    """How much files may hold.

    Attributes:
        image: stored bytes of an image.
        key: UTF-8 bytes of an image's key.
        tar_header: bytes of an extended header of a tar member (pax, GNU long name).
        padding: zeros behind the end of a tar archive, in bytes; beyond them it counts as a
            download that was not finished.
        page: bytes of a page of a Parquet file that is more than eight times its stored size.
        expansion: how many bytes a Parquet file may hold for each stored byte, beyond `page`.
        pixels: of an image: its width times its height; 80 million take 320 MB while they are
            decoded.
        scans: of a JPEG: each goes over all pixels, and may be a few bytes long.
        img_size: height and width of a model's input, in pixels.
        download: bytes of a file that is fetched from an address. Of small kinds less is fetched.
    """

    image: int = 256 * _MIB
    key: int = 4 * _KIB
    tar_header: int = _MIB
    padding: int = _MIB
    page: int = 64 * _MIB
    expansion: int = 64
    pixels: int = 80_000_000
    scans: int = 100
    img_size: int = 1024
    download: int = 4 * _GIB


def limits() -> Limits:
    """Return the limits that hold in this process.

    Raises:
        Misuse: if the environment variable PLADA_LIMITS cannot be understood.
    """
    return _parse(os.environ.get(_VARIABLE, ""))


@functools.lru_cache(maxsize=4)
def _parse(text: str) -> Limits:
    names = {field.name.replace("_", "-"): field.name for field in fields(Limits)}
    chosen: dict[str, int] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = entry.partition("=")
        found = re.fullmatch(r"([1-9]\d{0,17})(|KiB|MiB|GiB)", value, re.ASCII)
        if name not in names or found is None:
            raise Misuse(
                f"{_VARIABLE} has the entry {entry!r}; it takes LIMIT=NUMBER or LIMIT=NUMBERMiB "
                f"for {', '.join(names)}, with commas between them."
            )
        chosen[names[name]] = int(found[1]) * _UNITS[found[2]]
    return replace(Limits(), **chosen)


def raised(limit: str, value: int) -> str:
    """Return the setting of the environment that raises a limit, ``PLADA_LIMITS=pixels=200000000``.

    Args:
        limit: an attribute of `Limits`.
    """
    return f"{_VARIABLE}={limit.replace('_', '-')}={value}"


def refuse(what: str, found: int, limit: str) -> PipelineError:
    """Return the error about something that is larger than a limit.

    Args:
        what: names it and where it lies, as the beginning of a sentence.
        found: its size in bytes.
        limit: an attribute of `Limits`.
    """
    return PipelineError(
        f"{what} has {found:,} bytes, and the limit is {getattr(limits(), limit):,}; if it comes "
        f"from someone you trust, raise the limit: {raised(limit, found)}"
    )


def check_image(key: str, size: int, where: str) -> None:
    """Check the stored size of an image before it is read.

    Raises:
        PipelineError: if it is above the limit.
    """
    if size > limits().image:
        raise refuse(f"The image {key!r} in {where!r}", size, "image")
