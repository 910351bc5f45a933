"""The generated parts of the specification: byte tables and the worked example.

``python -m plada_conformance.tables spec/plada-1.md`` rewrites them in place. Fields are declared
once, in `pladafmt.layout`; a test fails when the text differs from them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from construct import Bytes, Construct, FormatField, IfThenElse, Renamed

from pladafmt import Payload, PoolRef, dumps, layout, validate
from pladafmt.annotation import annotation
from pladafmt.files import write_whole

_FIXED = {"B": "u8", "H": "u16", "h": "i16", "L": "u32", "I": "u32", "Q": "u64"}
_MARKER = re.compile(
    r"<!-- begin: (?P<what>table (?P<table>[^>]+?)|example) -->\n.*?<!-- end -->", re.DOTALL
)

EXAMPLE = Payload(
    pool=PoolRef(bytes(range(32)), 1000),
    classes=["cat", "dog"],
    positions=[3, 4, 5, 300, 301],
    labels=[0, 0, 1, 1, 0],
)
"""The payload of Appendix A, written as RLE."""

EXAMPLE_POSITIONS = bytes.fromhex("0211089900")
"""Its position stream: 2 kept runs, the widths of 3, 2 and 294, and their low bits."""


def _type_of(part: Construct) -> str:
    """Return how the specification writes the type of a field."""
    if isinstance(part, Renamed):
        return _type_of(part.subcon)
    if isinstance(part, IfThenElse):
        return f"{_type_of(part.thensubcon)}, optional"
    if isinstance(part, layout.Varint):
        return "varint"
    if isinstance(part, Bytes):
        return f"{part.length} bytes"
    if isinstance(part, FormatField):
        return _FIXED[part.fmtstr[-1]]
    return "fields"


def byte_table(name: str) -> str:
    """Return the Markdown table of one of `layout.FRAGMENTS`."""
    rows = [f"| {name} | type | meaning |", "|-|-|-|"]
    parts: list[Any] = layout.FRAGMENTS[name].subcons
    rows += [f"| {part.name} | {_type_of(part)} | {part.docs} |" for part in parts]
    return "\n".join(rows) + "\n"


def example() -> str:
    """Return the worked example: each part's offset, bytes and meaning."""
    data = dumps(EXAMPLE, encoding="rle")
    lines = ["```", *annotation(data, validate(data).parts), "```"]
    return "\n".join(lines) + "\n"


def generate(text: str) -> str:
    """Return `text` with everything between markers replaced."""

    def fill(match: re.Match[str]) -> str:
        name = match["table"]
        body = byte_table(name) if name else example()
        return f"<!-- begin: {match['what']} -->\n{body}<!-- end -->"

    return _MARKER.sub(fill, text)


def main() -> None:
    """Rewrite the files named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        write_whole(path, generate(path.read_text("utf-8")).encode("utf-8"))


if __name__ == "__main__":
    main()
