"""Markdown as code hosts read it, rewritten so that Python-Markdown reads the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_ITEM = re.compile(r"^ *(?:[-*]|\d+\.) ")
_BEGINS_LIST = re.compile(r"^(?:[-*]|1\.) ")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|B|[kKMGT]i?B|bytes|ms|s|px)(?!\w))|(?<=\d) (?=± )|(?<=±) ")
_CODE = re.compile(r"(`+[^`]*`+)")
_COMMENT = re.compile(r"^<!--.*-->$")


def prose(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is outside of fenced code."""
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if fence:
            yield line, False
            if match and match[1].startswith(fence):
                fence = ""
        elif match:
            fence = match[1]
            yield line, False
        else:
            yield line, True


def in_prose(text: str, change: Callable[[str], str]) -> str:
    """Change the text between fenced blocks, a paragraph with its line breaks at a time."""
    done: list[str] = []
    waiting: list[str] = []
    for line, outside in prose(text):
        if outside:
            waiting.append(line)
            continue
        if waiting:
            done.append(change("\n".join(waiting)))
            waiting = []
        done.append(line)
    if waiting:
        done.append(change("\n".join(waiting)))
    return "\n".join(done) + "\n"


def with_units_kept(text: str) -> str:
    """Keep each number on the line of its unit, but in code and headings."""
    return in_prose(text, lambda prose: "\n".join(map(_with_units_kept, prose.split("\n"))))


def _with_units_kept(line: str) -> str:
    if line.startswith("#"):
        return line
    pieces = _CODE.split(line)
    pieces[::2] = [_UNIT.sub("\u00a0", piece) for piece in pieces[::2]]
    return "".join(pieces)


def for_python_markdown(text: str) -> str:
    """Put a blank line where a list or a table begins right below other text.

    CommonMark begins a list below a line of a paragraph, and a table below a comment;
    Python-Markdown takes both for more of the paragraph.
    """
    lines: list[str] = []
    before = ""
    in_list = False
    for line, outside in prose(text):
        if outside:
            if _BEGINS_LIST.match(line) and before and not in_list:
                lines.append("")
            if _COMMENT.match(before) and line:
                lines.append("")
            if _ITEM.match(line):
                in_list = True
            elif not before and not line.startswith(" "):
                in_list = False
        lines.append(line)
        before = line.strip()
    return "\n".join(lines) + "\n"
