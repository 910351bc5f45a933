"""Fields of JSON files that may be damaged or hostile, each checked when it is read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from pladafmt import json_text

from ..errors import PipelineError

MAX_FILE = 4 << 20
"""Bytes that a file has at most; a transfer of a thousand students writes less."""
MAX_TEXT = 2_000
"""Characters that a text field has at most."""
MAX_ITEMS = 1_000
"""Entries that a list of objects has at most."""
MAX_WHOLE = (1 << 53) - 1
"""The largest whole number of most fields; every JSON reader takes it exactly."""
MAX_DEPTH = 16
"""Levels of lists and objects within each other; what walks through them may recurse so far."""


class Fields:
    """A JSON object of a file, with what is needed to name its fields in errors.

    Args:
        value: the object.
        file: the file that holds it.
        place: where in the file, such as ``rows[2].``; empty for the whole.
    """

    def __init__(self, value: dict[str, Any], file: Path, place: str = "") -> None:
        self.value = value
        self.file = file
        self.place = place

    @classmethod
    def read(cls, file: Path) -> Fields:
        """The object that is the whole content of `file`.

        Raises:
            PipelineError: if the content is something else, or too long.
            OSError: if the file cannot be read.
        """
        with open(file, "rb") as stream:
            data = stream.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise PipelineError(f"{file} is longer than {MAX_FILE:,} bytes; a transfer's is not.")
        try:
            value = json_text.parse(data, depth=MAX_DEPTH)
        except ValueError as exc:
            raise PipelineError(
                f"{file} is damaged: it is not JSON of a transfer ({exc}). Remove it, or have it "
                "made again."
            ) from exc
        if not isinstance(value, dict):
            raise PipelineError(
                f"{file} is damaged: it holds {_kind(value)} and should hold an object. Remove it, "
                "or have it made again."
            )
        return cls(value, file)

    def __contains__(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.value.get(key) is not None

    def refuse(self, key: str, expected: str) -> NoReturn:
        """Raise the PipelineError that says what the field `key` should be."""
        found = _kind(self.value[key]) if key in self.value else "missing"
        raise PipelineError(
            f"{self.file} is damaged: the field {self.place}{key} is {found} and should be "
            f"{expected}. Remove the file, or have it made again."
        )

    def text(self, key: str) -> str:
        """A text of at most `MAX_TEXT` characters."""
        value = self.value.get(key)
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            self.refuse(key, f"a text of at most {MAX_TEXT:,} characters")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts of at most `MAX_TEXT` characters each."""
        value = self.value.get(key)
        if not isinstance(value, list) or not all(
            isinstance(item, str) and len(item) <= MAX_TEXT for item in value
        ):
            self.refuse(key, f"a list of texts of at most {MAX_TEXT:,} characters")
        return tuple(value)

    def whole(self, key: str, least: int = 0, *, most: int = MAX_WHOLE) -> int:
        """A whole number from `least` to `most`."""
        value = self.value.get(key)
        if type(value) is not int or not least <= value <= most:
            self.refuse(key, f"a whole number from {least} on")
        return value

    def wholes(self, key: str) -> tuple[int, ...]:
        """A list of at most `MAX_ITEMS` whole numbers of at most 63 bits."""
        value = self.value.get(key)
        if (
            not isinstance(value, list)
            or len(value) > MAX_ITEMS
            or not all(type(item) is int and 0 <= item < 1 << 63 for item in value)
        ):
            self.refuse(key, f"a list of at most {MAX_ITEMS:,} whole numbers")
        return tuple(value)

    def number(self, key: str, most: float = math.inf) -> float:
        """A finite number from 0 to `most`."""
        value = self.value.get(key)
        # A JSON integer may be too large for a double.
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not 0 <= value <= min(most, 1e300)
        ):
            self.refuse(key, f"a number from 0 to {most:g}" if most < math.inf else "a number >= 0")
        return float(value)

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.value.get(key)
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return value

    def named_count(self, key: str) -> tuple[str, int]:
        """A list of a name and a whole number, such as a task and its images."""
        value = self.value.get(key)
        if (
            not isinstance(value, list)
            or [type(item) for item in value] != [str, int]
            or len(value[0]) > MAX_TEXT
            or value[1] < 0
        ):
            self.refuse(key, "a list of a name and a whole number")
        return value[0], value[1]

    def inner(self, key: str) -> Fields:
        """An object."""
        value = self.value.get(key)
        if not isinstance(value, dict):
            self.refuse(key, "an object")
        return Fields(value, self.file, f"{self.place}{key}.")

    def facts(self, key: str) -> dict[str, int | float | str]:
        """An object of texts and finite numbers; an empty one if the field is not there."""
        if key not in self:
            return {}
        value = self.value[key]
        if not isinstance(value, dict) or not all(map(_is_fact, value.values())):
            self.refuse(key, "an object of texts and numbers")
        return value

    def items(self, key: str) -> list[Fields]:
        """A list of at most `MAX_ITEMS` objects."""
        value = self.value.get(key)
        if (
            not isinstance(value, list)
            or len(value) > MAX_ITEMS
            or not all(isinstance(item, dict) for item in value)
        ):
            self.refuse(key, f"a list of at most {MAX_ITEMS:,} objects")
        return [
            Fields(item, self.file, f"{self.place}{key}[{number}].")
            for number, item in enumerate(value)
        ]


def _is_fact(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    return isinstance(value, int | float) and -1e300 <= value <= 1e300


def _kind(value: Any) -> str:
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)} entries"
    shown = json.dumps(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
