"""The one place where text from a file is made safe to show.

Names and metadata come from strangers. On a terminal they could move the cursor or reverse the
reading direction, in HTML they could be markup, as a folder name they could point elsewhere.
"""

from __future__ import annotations

import html
import unicodedata
import zlib

MAX_FOLDER_NAME = 80

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a formula begins; the last four are wide letters for the first four."""

_INVISIBLE = frozenset(
    code
    for first, last in (
        # Default_Ignorable_Code_Point of Unicode, less what is a control or unassigned.
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
        # Symbols without ink: an empty braille cell, a note without a head.
        (0x2800, 0x2800),
        (0x1D159, 0x1D159),
    )
    for code in range(first, last + 1)
)
"""Letters, marks and symbols that print as nothing: two names could differ by them unseen."""


def for_terminal(text: str) -> str:
    """Return `text` with every character that does not print as itself escaped.

    Letters of all scripts stay. Controls, bidirectional overrides, line separators, surrogates,
    private and unassigned code points, and what prints as nothing, become ``\\uXXXX``; the
    backslash becomes ``\\\\``, so that different texts stay different.
    """
    return printable(text.replace("\\", "\\\\"))


def printable(sentence: str) -> str:
    """Return a sentence of ours, which may quote foreign text, with the same escapes.

    Backslashes stay as they are, since a part may have been escaped already.
    """
    if sentence.isascii() and sentence.isprintable():  # As most are.
        return sentence
    return "".join(_escape(character) for character in sentence)


def _escape(character: str) -> str:
    code = ord(character)
    if character == " ":
        return character
    if unicodedata.category(character)[0] not in "CZ" and code not in _INVISIBLE:
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def for_html(text: str) -> str:
    """Return `text` for use in HTML content and quoted attributes."""
    return html.escape(for_terminal(text), quote=True)


def for_spreadsheet(text: str) -> str:
    """Return `text` for a cell of a table that a spreadsheet may open.

    A cell that begins like a formula gets a ``'`` before it: otherwise a class name could compute,
    or fetch, something there.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def for_folder(text: str, number: int) -> str:
    """Return a folder name for class `number` called `text`: plain ASCII, no path.

    The class number leads, so that no two classes share a folder on any file system.
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in text)
    if len(plain) > MAX_FOLDER_NAME:
        plain = f"{plain[: MAX_FOLDER_NAME - 9]}-{zlib.crc32(text.encode('utf-8')):08x}"
    return f"{number:05d}-{plain}"
