"""``--decode`` of the commands that read a whole pool: which of its images do not decode."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pladafmt.text import for_terminal

from ..output import Output

_SHOWN = 10

DecodeOption = Annotated[
    bool,
    typer.Option(
        "--decode",
        help="Decode every image as well, and report all that do not decode; exit status 1 if "
        "there is one.",
    ),
]


def tell_unreadable(
    output: Output, unreadable: Mapping[str, str] | None, images: int
) -> dict[str, Any] | None:
    """Say which images do not decode: all reasons, the first names; return all as an object.

    Args:
        unreadable: why, by key; None if nobody looked, and nothing is said.
        images: how many were decoded.
    """
    if unreadable is None:
        return None
    keys = sorted(unreadable)
    # The size of an image is not the reason.
    reasons = Counter(re.sub(r"\d[\d,]*", "...", unreadable[key]) for key in keys)
    output.say(f"decoded  {images:,} images: {len(keys):,} do not decode")
    for reason, count in reasons.most_common():
        output.say(f"         {count:,}: {for_terminal(reason)}")
    for key in keys[:_SHOWN]:
        output.say(f"         {for_terminal(key)}: {for_terminal(unreadable[key])}")
    if len(keys) > _SHOWN:
        output.say(f"         ... and {len(keys) - _SHOWN:,} more, all of which --json lists")
    return {
        "count": len(keys),
        "reasons": dict(reasons.most_common()),
        "images": [{"key": key, "reason": unreadable[key]} for key in keys],
    }
