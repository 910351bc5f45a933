"""The page of error codes: cause from the specification's data, remedy from `remedies.toml`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from .pages import ROOT

REMEDIES = Path(__file__).with_name("remedies.toml")

BEGINNING = """# Error codes

Every refusal has a code, a class and, where it has one, a byte offset:
`plada validate FILE --json` shows them, in Python `PladaError.code`, `.error_class` and `.offset`.
The causes below are made from [codes.json](codes.json), the order in which they are checked is
[Appendix G](specification.md#appendix-g-checks-in-order) of the specification. Whoever got a file
needs the remedy of its class; whoever writes files, that of the code.

`plada` itself adds codes for what is not in a file: `os-error`, `interrupted`, and for errors of
the pipeline the name of the class, such as `changed-image`. Their sentences say what to do.
"""


def checks() -> tuple[dict[str, str], dict[str, list[dict[str, str]]]]:
    """What each class means; and for each code its checks, in the specification's order."""
    data = json.loads((ROOT / "spec" / "codes.json").read_text("utf-8"))
    found: dict[str, list[dict[str, str]]] = {}
    for check in data["checks"]:
        if check["code"] is not None:  # Else the row stands for those of another step.
            found.setdefault(check["code"], []).append(check)
    return data["classes"], found


def remedies() -> dict[str, Any]:
    """What to do: ``classes``, for people with a file; ``codes``, for programs that write one."""
    return tomllib.loads(REMEDIES.read_text("utf-8"))


def page() -> str:
    """The page as Markdown."""
    classes, found = checks()
    advice = remedies()
    parts = [BEGINNING]
    for error_class, meaning in classes.items():
        parts.append(f"## {error_class}\n\n*{meaning[0].upper()}{meaning[1:]}.*\n")
        parts.append(advice["classes"][error_class] + "\n")
        for code in sorted(found):
            if found[code][0]["error_class"] == error_class:
                causes = dict.fromkeys(f"{each['step']}: {each['check']}" for each in found[code])
                parts.append(f"### `{code}`\n")
                parts.append("\n".join(f"- {cause}" for cause in causes) + "\n")
                parts.append(f"**Remedy.** {advice['codes'][code]}\n")
    parts.append("## unwritable\n\n*Raised by writers only: this payload has no valid file.*\n")
    parts.append(advice["classes"]["unwritable"] + "\n")
    return "\n".join(parts)
