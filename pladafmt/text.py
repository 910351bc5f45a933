"""The one place where text from a file is made safe to show.

Names and metadata come from strangers. On a terminal they could move the cursor or reverse the
reading direction, in HTML they could be markup, as a folder name they could point elsewhere.
"""

from __future__ import annotations

import html
import unicodedata
import zlib

MAX_FOLDER_NAME = 80


def for_terminal(text: str) -> str:
    """Return `text` with every character that does not print as itself escaped.

    Letters of all scripts stay. Controls, bidirectional overrides, line separators, surrogates,
    private and unassigned code points become ``\\uXXXX``; the backslash becomes ``\\\\``, so that
    different texts stay different.
    """
    return printable(text.replace("\\", "\\\\"))


def printable(sentence: str) -> str:
    """Return a sentence of ours, which may quote foreign text, with the same escapes.

    Backslashes stay as they are, since a part may have been escaped already.
    """
    return "".join(_escape(character) for character in sentence)


def _escape(character: str) -> str:
    if character == " " or unicodedata.category(character)[0] not in "CZ":
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def for_html(text: str) -> str:
    """Return `text` for use in HTML content and quoted attributes."""
    return html.escape(for_terminal(text), quote=True)


def for_folder(text: str, number: int) -> str:
    """Return a folder name for class `number` called `text`: plain ASCII, no path.

    The class number leads, so that no two classes share a folder on any file system.
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in text)
    if len(plain) > MAX_FOLDER_NAME:
        plain = f"{plain[: MAX_FOLDER_NAME - 9]}-{zlib.crc32(text.encode('utf-8')):08x}"
    return f"{number:05d}-{plain}"
