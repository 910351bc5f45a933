"""The owner of each byte of a payload: a bar of its kinds of parts, and the list of parts."""

from __future__ import annotations

from collections import Counter

from pladafmt import Report

from .markup import Html, element, join
from .table import table

SHOWN = 60
"""Parts that are listed at most; a payload of many blocks has hundreds of thousands."""

_KINDS = {
    "positions": "which images",
    "labels": "which class",
    "weights": "weights",
    "rule": "the rule",
    "names": "class names",
    "metadata": "metadata",
    "signature": "signature",
    "frame": "frame",
}
"""Kinds of bytes, and what they are for; each is a class of the page's style sheet."""


def byte_bar(report: Report) -> Html:
    """Return the bar of a valid payload's bytes by kind, and its legend."""
    totals: Counter[str] = Counter()
    for name, size in report.bytes_per_part.items():
        totals[_kind(name)] += size
    shown = [kind for kind in _KINDS if totals[kind]]
    bar = element(
        "div",
        *(element("i", class_=kind, style=f"flex-grow:{totals[kind]}") for kind in shown),
        class_="bytes",
        aria_hidden="true",
    )
    legend = element(
        "ul",
        *(
            element(
                "li",
                element("i", class_=f"dot {kind}"),
                f"{_KINDS[kind]}: {totals[kind]:,} ({100 * totals[kind] / report.size:.1f} %)",
            )
            for kind in shown
        ),
        class_="legend",
    )
    return join([bar, legend])


def part_table(report: Report) -> Html:
    """Return the table of a valid payload's parts, in file order."""
    parts = table(
        f"{len(report.parts):,} parts",
        ("owner", "offset#", "bytes#", "says"),
        [
            (part.name, f"{part.offset:,}", f"{part.size:,}", part.note)
            for part in report.parts[:SHOWN]
        ],
    )
    if len(report.parts) <= SHOWN:
        return parts
    rest = f"{len(report.parts) - SHOWN:,} more parts; plada inspect --all lists them."
    return join([parts, element("p", rest, class_="soft")])


def _kind(part: str) -> str:
    owner, _, leaf = part.partition(" ")
    if owner == "BLOCK" and leaf in _KINDS:
        return leaf
    if owner == "RULE":
        return "rule"
    if part == "CLASSES text":
        return "names"
    if part == "META text":
        return "metadata"
    return "signature" if owner == "SIGN" else "frame"
