"""The programs of the specification's appendix B, taken out of its text.

``python -m plada_conformance.programs spec/plada-1.md`` writes them to ``appendix_b.py``, which
ships with the suite, so that vectors are made by the specification itself and by nothing else.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TARGET = Path(__file__).parent / "appendix_b.py"

_PREAMBLE = r'''# SPDX-License-Identifier: Apache-2.0
r"""The programs of Appendix B of the .plada specification, version 1: encoders and decoders.

Generated from its text; do not edit. One file, Python 3 and its standard library, to be read beside
the specification and to be imported by itself, as a check of other encoders and decoders:

    >>> import appendix_b
    >>> appendix_b.read_varint(b"\x80\x01", 0)         # the value, and where it ends
    (128, 2)
    >>> appendix_b.read_split(b"\x00\x00", 1)          # ends with Refused("integer-size")

Sizes that a reader has checked before (sections 8.4 and 14) are not checked again. Zstandard frames
are examined and not decoded.
"""

import hashlib
from zlib import crc32


class Refused(Exception):
    """Says the error code that a program ended with."""


def refuse(code):
    raise Refused(code)


def sha256(data):
    return hashlib.sha256(data).digest()

'''


def extract(text: str) -> str:
    """Return the module that the programs in the text of a specification make up."""
    appendix = text.split("\n## Appendix B. ")[1].split("\n## Appendix C. ")[0]
    programs = re.findall(r"^```python\n(.*?)^```", appendix, re.DOTALL | re.MULTILINE)
    return _PREAMBLE + "\n" + "\n".join(programs)


def main() -> None:
    """Write the programs of the specification named on the command line."""
    TARGET.write_text(extract(Path(sys.argv[1]).read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
