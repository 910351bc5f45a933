"""Names and versions of tasks: short, safe as names of folders, and versions in an order."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_VERSION = re.compile(r"(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){0,3}", re.ASCII)

NAME_RULE = (
    "a name has up to 64 of the characters a-z, 0-9, '.', '-' and '_', and begins and ends with a "
    "letter or digit"
)
VERSION_RULE = "a version is up to four whole numbers with dots between them, such as 2 or 1.10"


def check_name(text: object) -> str:
    """Return a task's name.

    Raises:
        ValueError: if it is none; says what one is.
    """
    # Two dots could lead out of a folder, wherever the name is used as one.
    if not isinstance(text, str) or not _NAME.fullmatch(text) or ".." in text:
        raise ValueError(f"{text!r} is no name: {NAME_RULE}")
    return text


@functools.total_ordering
@dataclass(frozen=True)
class Version:
    """A version of a task; 1.2 is before 1.10, and 2 is the same as 2.0.

    Attributes:
        text: as the publisher writes it.
    """

    text: str

    @classmethod
    def of(cls, text: object) -> Version:
        """Return the version that a text says.

        Raises:
            ValueError: if it says none; says what one is.
        """
        if not isinstance(text, str) or not _VERSION.fullmatch(text):
            raise ValueError(f"{text!r} is no version: {VERSION_RULE}")
        return cls(text)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers, without zeros at the end."""
        found = [int(number) for number in self.text.split(".")]
        while len(found) > 1 and not found[-1]:
            found.pop()
        return tuple(found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.numbers == other.numbers

    def __lt__(self, other: Version) -> bool:
        return self.numbers < other.numbers

    def __hash__(self) -> int:
        return hash(self.numbers)

    def __str__(self) -> str:
        return self.text
