"""``plada validate``: whether files are good, and if not, where they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pladafmt import Limits, Report
from pladafmt import validate as validate_file
from pladafmt.text import for_terminal

from ..output import Output
from .exit_codes import command
from .options.address import readable, said
from .options.codes import CodesOption, report_with_codes
from .options.common import MOST_WHOLE, AsJson, LimitOptions, limits_from
from .options.signature import describe_signature


@command
def validate(
    payloads: Annotated[
        list[Path],
        typer.Argument(
            metavar="PAYLOADS...",
            help=".plada files.",
            show_default=False,
            parser=readable(MOST_WHOLE),
        ),
    ],
    codes: CodesOption = None,
    limit: LimitOptions = None,
    as_json: AsJson = False,
) -> None:
    """Check files against the specification: one line for each.

    Exit status 0 if every file is valid, 1 if one is not, 2 for misuse. A file may be refused as
    *unsupported* or over a *limit* without being bad; the line says which. A file with a rule is
    checked with its pool's codes, and is a *mismatch* without them.

    Example: `plada validate incoming/*.plada`
    """
    output = Output(as_json=as_json)
    limits = limits_from(limit)
    reports = []
    for path in payloads:
        report, place = _report(path, limits, codes)
        reports.append({"file": said(path), **report.as_json()})
        shown = for_terminal(said(path))
        if report.ok:
            facts = report.facts
            signed = f"; signed by {describe_signature(facts)}" if facts["signed_by"] else ""
            output.say(
                f"{shown}: valid; {facts['kept']:,} of {facts['pool_size']:,} images, "
                f"{facts['classes']:,} classes, {report.size:,} bytes{signed}."
            )
        else:
            at = f" at byte {report.offset:,}" if report.offset is not None else ""
            output.say(
                f"{shown}: {report.verdict} ({report.code}){at}: {report.problem} {place}".rstrip()
            )
    good = all(report["verdict"] == "valid" for report in reports)
    output.result({"ok": good, "files": reports})
    if not good:
        raise typer.Exit(1)


def _report(path: Path, limits: Limits, codes: Path | None) -> tuple[Report, str]:
    return report_with_codes(lambda found: validate_file(path, limits=limits, codes=found), codes)
