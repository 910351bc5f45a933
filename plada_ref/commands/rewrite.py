"""``plada rewrite``: another encoding of a file, with the same meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pladafmt import Codes
from pladafmt.files import write_whole
from pladafmt.rewrite import Rewritten
from pladafmt.rewrite import rewrite as rewrite_bytes
from pladafmt.text import for_terminal

from ..errors import Misuse
from ..output import Output
from .exit_codes import command, updates
from .options.address import readable
from .options.codes import CodesOption, with_codes
from .options.common import MOST_WHOLE, AsJson, LimitOptions, limits_from, read_whole
from .options.encoding import EncodingOptions, read_metadata
from .options.out import named, out_option


@command
@updates("file")
def rewrite(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A valid .plada file.",
            show_default=False,
            parser=readable(MOST_WHOLE),
        ),
    ],
    out: Annotated[Path, out_option("Where to write the new file", show_default=False)],
    encoding: EncodingOptions,
    metadata: Annotated[
        Path | None,
        typer.Option(help="A JSON file with an object that replaces the file's metadata."),
    ] = None,
    drop_metadata: Annotated[
        bool, typer.Option("--drop-metadata", help="Leave the metadata out.")
    ] = False,
    drop_rule: Annotated[
        bool, typer.Option("--drop-rule", help="List the images that a rule keeps.")
    ] = False,
    codes: CodesOption = None,
    limit: LimitOptions = None,
    as_json: AsJson = False,
) -> None:
    """Encode a valid file again without changing what it means.

    A signature is left out, since it is over other bytes. So are unknown chunks that may not be
    copied; the output names them.

    Example: `plada rewrite task.plada --out small.plada --dense --drop-metadata`
    """
    output = Output(as_json=as_json)
    if metadata is not None and drop_metadata:
        raise Misuse("--metadata replaces the metadata and --drop-metadata drops it; choose one.")
    positions = encoding.positions()
    before = read_whole(file)
    value = None if metadata is None else read_metadata(metadata)
    limits = limits_from(limit)

    def encoded(table: Codes | None) -> Rewritten:
        return rewrite_bytes(
            before,
            encoding=positions,
            block_span=encoding.block_span,
            dense=encoding.dense,
            metadata=value,
            drop_metadata=drop_metadata,
            limits=limits,
            codes=table,
            drop_rule=drop_rule,
        )

    found = with_codes(encoded, codes)
    write_whole(out, found.data)
    output.say(
        f"{for_terminal(named(out))}: {len(found.data):,} bytes, before {len(before):,}; content "
        f"id {found.content_id.hex()} as before."
    )
    if found.kept:
        output.say(f"kept, unknown: {', '.join(found.kept)}")
    if found.dropped:
        output.say(f"left out, since it fits the old file only: {', '.join(found.dropped)}")
    output.result(
        {
            "out": named(out),
            "payload_bytes": len(found.data),
            "payload_bytes_before": len(before),
            "content_id": found.content_id.hex(),
            "kept_chunks": list(found.kept),
            "dropped_chunks": list(found.dropped),
        }
    )
