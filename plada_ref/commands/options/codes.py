"""Where the codes are that a payload's rule is read with: beside the manifest, or named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from pladafmt import BadCodes, Codes, Mismatch, Report

from ...errors import PipelineError
from .address import readable

T = TypeVar("T")

NO_CODES = "codes-mismatch"

CodesOption = Annotated[
    Path | None,
    typer.Option(
        "--codes",
        metavar="FILE",
        help="The codes of the pool's images, for a payload that keeps images by a rule. Default: "
        "those beside the manifest, pool.codes.npy for pool.parquet, where one is given.",
        parser=readable(),
    ),
]


def with_codes(
    read: Callable[[Codes | None], T], codes: Path | None, manifest: Path | None = None
) -> T:
    """Return what `read` makes of a payload, with codes if the payload asks for them.

    Args:
        read: reads it; given None first, then the codes.
        codes: what ``--codes`` names.
        manifest: the pool's manifest, if one is given; codes beside it are found.

    Raises:
        Mismatch: if the payload asks for codes, and there are none or others; says where they were
            looked for.
        PipelineError: if what is there is no table of codes.
    """
    try:
        return read(None)
    except Mismatch as exc:
        if exc.code != NO_CODES:
            raise
        missing = exc
    found, place = find_codes(codes, manifest)
    if found is None:
        raise _with_place(missing, place) from missing
    try:
        return read(found)
    except Mismatch as exc:
        raise (exc if exc.code != NO_CODES else _with_place(exc, place)) from exc


def report_with_codes(
    validate: Callable[[Codes | None], Report], codes: Path | None
) -> tuple[Report, str]:
    """Return a report, made with codes if the payload asks for them, and where these are.

    The second is a sentence for people if they are missing, else empty.
    """
    report = validate(None)
    if report.code != NO_CODES:
        return report, ""
    found, place = find_codes(codes, None)
    if found is not None:
        report = validate(found)
    return report, place if report.code == NO_CODES else ""


def find_codes(codes: Path | None, manifest: Path | None) -> tuple[Codes | None, str]:
    """Return the codes that ``--codes`` names or that lie beside a manifest, and where that is.

    Raises:
        PipelineError: if what is there is no table of codes, or what is named is not there.
    """
    if codes is not None:
        return open_codes(codes), f"The codes were read from {codes}."
    if manifest is None:
        return None, "Name their file with --codes."
    # The manifest has been read, so what it needs is installed.
    from ...pool.codes import codes_beside, codes_of

    found, path = codes_of(manifest), codes_beside(manifest)
    where = "were read from" if found is not None else "were looked for at"
    return found, f"The codes {where} {path}; --codes names another file."


def open_codes(path: Path) -> Codes:
    """Open a table of codes, whose ids this computer remembers.

    Raises:
        PipelineError: if it is not there, or is no table of codes.
    """
    try:
        from ...pool.codes import PoolCodes
    except ImportError:  # Files are inspected without the packages that pools need.
        try:
            return Codes.load(path)
        except BadCodes as exc:
            raise PipelineError(str(exc)) from exc
    return PoolCodes(path)


def _with_place(error: Mismatch, place: str) -> Mismatch:
    problem = f"{error.problem} {place}"
    return Mismatch(error.code, problem, offset=error.offset, field=error.field)
