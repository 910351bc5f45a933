"""Read JSON that somebody else has written: bounded in depth, and without two readings."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 64
"""Objects and arrays within each other, unless a caller wants fewer."""

# A string that never closes still matches, to its end: the scan stays linear on any text.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse(data: bytes | str, *, depth: int = MAX_DEPTH) -> Any:
    """Return the value that a JSON text holds.

    The same key twice in an object is refused, and depth before a parser that recurses sees it.
    Numbers may be NaN or infinite, as Python reads them: who wants some asks for a range.

    Args:
        data: the text, as bytes in UTF-8.
        depth: how many objects and arrays may stand within each other, counting the outermost.

    Raises:
        ValueError: if it is not; the message is a clause that says why.
    """
    if not isinstance(data, str):
        try:
            data = data.decode("utf-8-sig")  # Editors on Windows put a byte order mark there.
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8") from None
    if deeper_than(data, depth):
        raise ValueError(f"it is nested more than {depth} levels deep")
    return json.loads(data, object_pairs_hook=unique)


def deeper_than(text: str, most: int) -> bool:
    """Whether more than `most` brackets are open somewhere in a text, strings aside."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            if depth > most:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose keys differ; for `json.loads`.

    Raises:
        ValueError: if the same key occurs twice, of which other programs may take the other one.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found
