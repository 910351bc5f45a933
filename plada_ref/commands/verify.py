"""``plada verify``: who signed a payload, as far as the keys at hand tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pladafmt import Limits, PladaError
from pladafmt.text import for_terminal

from ..output import Output
from .exit_codes import command
from .options.address import readable, said
from .options.codes import CodesOption, with_codes
from .options.common import MOST_WHOLE, AsJson, LimitOptions, limits_from, read_whole
from .options.signature import MOST_KEY, public_keys

if TYPE_CHECKING:
    from pladafmt.keys import PublicKey


@command
def verify(
    payloads: Annotated[
        list[Path],
        typer.Argument(
            metavar="PAYLOADS...",
            help=".plada files.",
            show_default=False,
            parser=readable(MOST_WHOLE),
        ),
    ],
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="A public key that you trust, NAME.pub by plada keygen. May be repeated.",
            parser=readable(MOST_KEY),
        ),
    ] = None,
    codes: CodesOption = None,
    limit: LimitOptions = None,
    as_json: AsJson = False,
) -> None:
    """Check signatures with keys that you trust: one line for each file.

    A file is *verified* (signed by one of these keys), *unsigned*, *unverified* (it claims another
    key), *bad* (it claims one of these keys, and the signature is wrong) or *refused* (no valid
    file). Exit status 0 if every file is verified, 1 if one is not, 2 for misuse.

    Example: `plada verify incoming/*.plada --key publisher.pub`
    """
    output = Output(as_json=as_json)
    limits = limits_from(limit)
    keys = public_keys(key, for_="plada verify --key")
    files = []
    for path in payloads:
        found = _verify(path, keys, limits, codes)
        files.append({"file": said(path), **found})
        shown = for_terminal(said(path))
        if found["status"] == "verified":
            named = for_terminal(found["key"])
            output.say(f"{shown}: verified; signed by key {found['key_id']} ({named}).")
        else:
            output.say(f"{shown}: {found['status']} ({found['code']}): {found['problem']}")
    good = all(each["status"] == "verified" for each in files)
    if not keys:
        output.warn("Without --key nothing is verified: no key in a file can vouch for the file.")
    output.result({"ok": good, "files": files})
    if not good:
        raise typer.Exit(1)


def _verify(
    path: Path, keys: dict[PublicKey, Path], limits: Limits, codes: Path | None
) -> dict[str, Any]:
    from pladafmt.signature import check

    try:
        data = read_whole(path)
        verdict = with_codes(
            lambda table: check(data, list(keys), limits=limits, codes=table), codes
        )
    except PladaError as error:
        return {
            "status": "refused",
            "key_id": None,
            "key": None,
            "code": error.code,
            "problem": error.problem,
        }
    refusal = verdict.refusal
    return {
        "status": verdict.status,
        "key_id": verdict.key_id,
        "key": None if verdict.key is None else str(keys[verdict.key]),
        "code": None if refusal is None else refusal.code,
        "problem": None if refusal is None else refusal.problem,
    }
