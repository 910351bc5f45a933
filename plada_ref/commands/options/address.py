"""Options that name a file to read, by its path or by an address that it is fetched from.

A parameter is declared with ``parser=readable(most)``. Its value is a path by the time the command
runs: `command` fetches what addresses name, so a command knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import PipelineError
from ...optional import need


@dataclass(frozen=True)
class Address:
    """What lies elsewhere, and is not fetched yet.

    Attributes:
        text: the address.
        most: bytes that are fetched at most; None for the limit `download` alone.
    """

    text: str
    most: int | None

    def __fspath__(self) -> str:
        return self.text

    def fetch(self) -> Path:
        """Return the path of what lies there.

        Raises:
            PipelineError, OSError: if it cannot be fetched.
            Misuse: if a package is missing.
        """
        need("fsspec", extra="remote", for_=f"reading {self.text!r}")
        from ...storage.fetched import fetched

        return fetched(self.text, most=self.most)


def looks_like_address(text: str) -> bool:
    """Whether a text is an address; without fsspec, which files alone do not need."""
    scheme, separator, _ = text.partition("://")
    return bool(separator) and scheme.partition("::")[0] not in ("", "file", "local")


def readable(most: int | None = None) -> Callable[[str], Path]:
    """Return the parser of a parameter that names a file to read.

    Args:
        most: bytes that are fetched at most.
    """

    def parse(text: Any) -> Any:
        if not isinstance(text, str) or not looks_like_address(text):
            return Path(text.removeprefix("file://") if isinstance(text, str) else text)
        return Address(text, most)

    parse.__name__ = "path"  # What typer calls the values.
    return parse


def fetch(text: str) -> Path:
    """Return the path that a text is, or that of what the address that it is names.

    Raises:
        PipelineError, Misuse, OSError: as `Address.fetch` does.
    """
    return Address(text, None).fetch() if looks_like_address(text) else Path(text)


def fetch_addresses(given: dict[str, Any]) -> dict[str, Any]:
    """Return a command's arguments with a path in place of each address.

    Raises:
        PipelineError, Misuse, OSError: as `Address.fetch` does.
    """
    return {name: _here(value) for name, value in given.items()}


def _here(value: Any) -> Any:
    if isinstance(value, Address):
        return value.fetch()
    return [_here(each) for each in value] if isinstance(value, list) else value


def said(path: Path) -> str:
    """Return what people call a file: the address that it was fetched from, or its path."""
    try:
        from ...storage.fetched import origin
    except ImportError:  # Without fsspec nothing is fetched.
        return str(path)
    return origin(path) or str(path)


def in_words_of(given: dict[str, Any], sentence: str) -> str:
    """Return a sentence with the addresses that were given, in place of where their files are."""
    values = (each if isinstance(each, list) else [each] for each in given.values())
    for address in (each for some in values for each in some if isinstance(each, Address)):
        try:
            from ...storage.fetched import place_of

            sentence = sentence.replace(str(place_of(address.text)), address.text)
        except (ImportError, PipelineError):
            continue  # Nothing of it was fetched.
    return sentence


def refuse_fetched(path: Path, why: str) -> None:
    """Refuse a file that was fetched, where one of this computer is meant.

    Raises:
        PipelineError: naming the address; `why` goes on after it.
    """
    if (name := said(path)) != str(path):
        raise PipelineError(f"{name!r} {why}")
