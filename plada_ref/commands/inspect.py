"""``plada inspect``: what a file says, and what each of its bytes belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import typer

from pladafmt import Payload, Report
from pladafmt import validate as validate_file
from pladafmt.annotation import annotation
from pladafmt.ledger import Part
from pladafmt.sources import opened
from pladafmt.stored import StoredBytes
from pladafmt.text import for_terminal

from ..output import Output
from .exit_codes import command
from .file_sizes import MANY, describe, file_sizes
from .options.codes import CodesOption, report_with_codes
from .options.common import AsJson, LimitOptions, PayloadFile, limits_from
from .options.signature import describe_signature

_SHOWN_CLASSES = 20
_SHOWN_PARTS = 60


@command
def inspect(
    payload: PayloadFile,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every part and every class, however many.")
    ] = False,
    annotate: Annotated[
        bool,
        typer.Option(
            "--annotate",
            help="Print the bytes of each part beside its owner, as the specification's Appendix A "
            "does; of long streams and texts the beginning, the end and the size.",
        ),
    ] = False,
    codes: CodesOption = None,
    limit: LimitOptions = None,
    as_json: AsJson = False,
) -> None:
    """Show the header, classes, metadata and byte map of a file: what each byte belongs to.

    A damaged file is shown as far as it can be read; then the exit status is 1. So is a file with a
    rule whose codes are not named: what it keeps is not known without them.

    Example: `plada inspect task.plada --all`
    """
    output = Output(as_json=as_json)
    limits = limits_from(limit)
    with opened(payload) as data:
        report, place = report_with_codes(
            lambda found: validate_file(data, limits=limits, codes=found), codes
        )
        _show_facts(output, report, place)
        if report.payload is not None:
            _show_classes(output, report.payload, everything)
        parts = report.parts if everything else report.parts[:_SHOWN_PARTS]
        if annotate:
            _show_bytes(output, report, data, parts)
        else:
            _show_owners(output, parts)
    if len(parts) < len(report.parts):
        output.say(f"... and {len(report.parts) - len(parts):,} more parts (--all shows them)")
    totals = ", ".join(f"{name} {size:,}" for name, size in report.bytes_per_part.items())
    output.say(f"bytes       {totals}")
    value = report.as_json()
    if report.payload is not None:
        value["class_names"] = list(report.payload.class_names)
        value["kept_per_class"] = _histogram(report.payload)
        value["metadata"] = report.payload.metadata
        if report.payload.kept > MANY:
            output.say(
                f"Other encodings are tried up to {MANY:,} images; plada rewrite tells the size "
                "of one."
            )
        else:
            value["file_sizes"] = file_sizes(report.payload)
            # The other sizes are those of unsigned files.
            unsigned = report.size - report.bytes_per_part.get("SIGN", 0)
            output.say(describe(unsigned, value["file_sizes"]))
    output.result(value, parts=(part._asdict() for part in report.parts))
    if not report.ok:
        raise typer.Exit(1)


def _show_facts(output: Output, report: Report, place: str) -> None:
    output.say(f"verdict     {report.verdict}")
    if not report.ok:
        output.say(f"            {report.problem} ({report.code} at byte {report.offset})")
    if place:
        output.say(f"            {place}")
    output.say(f"size        {report.size:,} bytes")
    for name, value in report.facts.items():
        if name == "signed_by":
            value = describe_signature(report.facts)
        output.say(f"{name:<11} {f'{value:,}' if type(value) is int else value}")


def _histogram(payload: Payload) -> list[int]:
    counts = np.bincount(payload.labels, minlength=payload.class_count)
    return [int(count) for count in counts]


def _show_classes(output: Output, payload: Payload, everything: bool) -> None:
    counts = _histogram(payload)
    shown = payload.class_count if everything else min(payload.class_count, _SHOWN_CLASSES)
    headings = ["label", "kept", "name"]
    columns = [payload.class_names[:shown]]
    if payload.identifiers is not None:
        headings.append("identifier")
        columns.append(payload.identifiers[:shown])

    def rows() -> Iterator[list[str]]:
        for label, texts in enumerate(zip(*columns, strict=True)):
            yield [str(label), f"{counts[label]:,}", *map(for_terminal, texts)]

    output.listing("Classes", headings, rows, right={0, 1})
    if shown < payload.class_count:
        output.say(f"... and {payload.class_count - shown:,} more classes (--all shows them)")
    for name, value in (payload.metadata or {}).items():
        output.say(f"metadata    {for_terminal(name)}: {for_terminal(_in_words(value))}")


def _in_words(value: Any) -> str:
    """Return a value of the metadata for people: ``img_size 96, via_size 32`` of an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and not any(isinstance(each, dict) for each in value.values()):
        return ", ".join(f"{name} {_in_words(each)}" for name, each in value.items())
    return json.dumps(value, ensure_ascii=False)


def _show_owners(output: Output, parts: Sequence[Part]) -> None:
    def rows() -> Iterator[list[str]]:
        for part in parts:
            yield [f"{part.offset:,}", f"{part.size:,}", part.name, part.note]

    headings = ["offset", "bytes", "owner", "says"]
    output.listing("Byte map", headings, rows, right={0, 1})


def _show_bytes(
    output: Output, report: Report, data: bytes | StoredBytes, parts: Sequence[Part]
) -> None:
    fault = None if report.ok else (report.offset, f"{report.problem} ({report.code})")
    output.lines("Every byte and its owner", annotation(data, parts, fault))
