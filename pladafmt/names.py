"""Rules for class names and external identifiers (specification, section 6)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .limits import MAX_NAME_BYTES

FORBIDDEN_RANGES: tuple[tuple[int, int], ...] = (
    (0x0000, 0x001F),  # C0 controls
    (0x007F, 0x009F),  # DEL and C1 controls
    (0x061C, 0x061C),  # Arabic letter mark
    (0x200E, 0x200F),  # left-to-right and right-to-left mark
    (0x2028, 0x202E),  # line and paragraph separators, bidirectional embeddings and overrides
    (0x2066, 0x2069),  # bidirectional isolates
    (0xFEFF, 0xFEFF),  # byte order mark
)
"""Code points that no name holds. The list is closed, so it does not age with Unicode."""

FORBIDDEN = re.compile(
    "[" + "".join(f"{chr(low)}-{chr(high)}" for low, high in FORBIDDEN_RANGES) + "]"
)


def find_forbidden(text: str) -> str | None:
    """Return the first forbidden code point of `text` as ``"U+202E"``, or None."""
    found = FORBIDDEN.search(text)
    return f"U+{ord(found.group()):04X}" if found else None


def complaint(names: Sequence[str], *, what: str, may_be_empty: bool) -> tuple[str, str] | None:
    """Return ``(error code, sentence)`` for the first name that breaks a rule, or None.

    `what` is the word for one of them in the sentence: "class name" or "identifier".
    """
    if _all_good(names, may_be_empty=may_be_empty):
        return None
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        where = f"The {what} of class {number}"
        try:
            size = len(name.encode("utf-8"))
        except UnicodeEncodeError:
            return "name-not-utf8", f"{where} has a lone surrogate, which UTF-8 cannot hold."
        if size == 0:
            if may_be_empty:
                continue
            return "name-empty", f"{where} is empty."
        if size > MAX_NAME_BYTES:
            return "name-too-long", f"{where} has {size} bytes of UTF-8; at most 255 are allowed."
        character = find_forbidden(name)
        if character is not None:
            return "name-forbidden-character", f"{where} holds the forbidden character {character}."
        if name in seen:
            return "name-duplicate", f"Classes {seen[name]} and {number} have the same {what}."
        seen[name] = number
    return None


def _all_good(names: Sequence[str], *, may_be_empty: bool) -> bool:
    """Whether no name breaks a rule, by few steps for all of them; False settles nothing."""
    given = [name for name in names if name]
    if len(given) < len(names) and not may_be_empty:
        return False
    together = "".join(given)
    return (
        len(set(given)) == len(given)
        and 4 * max(map(len, given), default=0) <= MAX_NAME_BYTES
        and not _has_forbidden(together)
    )


def _has_forbidden(text: str) -> bool:
    if text.isascii():
        return not text.isprintable()  # In ASCII that is: C0 controls and DEL.
    return bool(FORBIDDEN.search(text) or _SURROGATE.search(text))


_SURROGATE = re.compile("[\ud800-\udfff]")
