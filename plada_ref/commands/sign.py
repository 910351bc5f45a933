"""``plada sign``: a payload with a signature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pladafmt import Codes
from pladafmt.files import write_whole

from ..output import Output
from .exit_codes import command, updates
from .options.address import refuse_fetched
from .options.codes import CodesOption, with_codes
from .options.common import AsJson, LimitOptions, PayloadFile, limits_from, read_whole
from .options.out import named, out_option
from .options.signature import private_key


@command
@updates("payload")
def sign(
    payload: PayloadFile,
    key: Annotated[
        Path,
        typer.Option(
            "--key",
            metavar="KEY",
            help="The private key, NAME.key by plada keygen.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        out_option("Where to write the signed file; in place if left out"),
    ] = None,
    codes: CodesOption = None,
    limit: LimitOptions = None,
    as_json: AsJson = False,
) -> None:
    """Sign a payload. A signature that it has already is replaced.

    The file must be valid. Its meaning stays the same; it grows by 78 bytes.

    Example: `plada sign task.plada --key publisher.key`
    """
    signer = private_key(key, for_="plada sign")
    from pladafmt.signature import check
    from pladafmt.signature import sign as sign_bytes

    output = Output(as_json=as_json)
    if out is None:
        refuse_fetched(payload, "cannot be signed in place; name the signed file with --out.")
    limits = limits_from(limit)
    data = read_whole(payload)

    def signed_with(table: Codes | None) -> tuple[str | None, bytes]:
        before = check(data, [], limits=limits, codes=table).key_id
        return before, sign_bytes(data, signer, limits=limits, codes=table)

    before, signed = with_codes(signed_with, codes)
    # A link stays a link: what it points to is signed.
    target = payload.resolve() if out is None else out
    write_whole(target, signed)
    key_id = signer.public.key_id.hex()
    if before not in (None, key_id):
        output.say(f"a signature of key {before} was replaced")
    output.say(f"{named(out or payload)}: signed by key {key_id}, {len(signed):,} bytes")
    output.result(
        {
            "out": named(out or payload),
            "key_id": key_id,
            "replaced": before,
            "payload_bytes": len(signed),
        }
    )
