"""Mutants that no file can tell from the program: the list of them, with reasons."""

from __future__ import annotations

from pathlib import Path

from .mutants import Mutant

FILE = "equivalent.txt"

Key = tuple[str, str, str, int]


def load(text: str | None = None) -> dict[Key, str]:
    """Return the reason, in a word, of each equivalent mutant by its key.

    The list has a paragraph for each reason: a line ``== word: sentence``, then three lines for
    each mutant, which name the function and say what the statement was and what it is::

        @ plain_decoder._read_varint
        - for index in range(8):
        + for index in range(9):

    Raises:
        ValueError: if a line is out of place, or a mutant is listed twice.
    """
    if text is None:
        text = (Path(__file__).parent / FILE).read_text("utf-8")
    found: dict[Key, str] = {}
    reason = function = before = ""
    for number, line in enumerate(text.splitlines(), 1):
        mark, _, rest = line.partition(" ")
        if mark == "==":
            reason = rest.partition(":")[0]
        elif mark == "@":
            function = rest
        elif mark == "-":
            before = rest
        elif mark == "+" and reason and function and before:
            name, _, which = function.partition(" ")
            key = (name, before, rest, int(which or 1))
            if key in found:
                raise ValueError(f"{FILE}, line {number}: this mutant is listed twice.")
            found[key] = reason
        elif line and mark != "#":
            raise ValueError(f"{FILE}, line {number}: this line is out of place: {line!r}")
    return found


def entry(mutant: Mutant) -> str:
    """Return the lines with which a mutant stands on the list."""
    which = f" {mutant.number}" if mutant.number > 1 else ""
    return f"@ {mutant.key[0]}{which}\n- {mutant.before}\n+ {mutant.after}"
