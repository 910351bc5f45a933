"""``plada encode``: a selection to a `.plada` file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from pladafmt import Codes, Payload, content_id, dump, validate
from pladafmt.salvage import CLASS_COUNTS

from ..errors import PipelineError
from ..optional import need
from ..output import Output
from .exit_codes import command
from .file_sizes import MANY, describe, file_sizes
from .options.about import AboutOptions
from .options.address import readable
from .options.codes import CodesOption, find_codes, open_codes
from .options.common import AsJson
from .options.encoding import ContentOptions, EncodingOptions
from .options.group import OptionGroup
from .options.out import named, out_option, standing


@dataclass(frozen=True, kw_only=True)
class BlockOptions(EncodingOptions):
    """How a new file is encoded."""

    block_span: Annotated[
        int | None,
        typer.Option(
            help="Pool positions per block; one block if left out. Of a damaged file of many "
            "blocks less is lost (plada salvage). A client that holds a part of the pool learns "
            "from it with plada train --skip-missing, whatever the blocks."
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class CountedContentOptions(ContentOptions):
    """The same with the class counts that `plada salvage` looks for."""

    no_metadata: Annotated[
        bool,
        typer.Option(
            "--no-metadata",
            help="Leave out the selection's metadata: which program, teacher and selection made "
            "it, how to train on it, and what else plada prune was given. Those of --metadata "
            "stay.",
        ),
    ] = False

    class_counts: Annotated[
        bool,
        typer.Option(
            "--class-counts",
            help="Put the kept images of each class into the metadata: plada salvage can then say "
            "what a damaged file has lost. It costs bytes.",
        ),
    ] = False

    def apply(self, payload: Payload) -> Payload:
        """Return `payload` with the class names and metadata that the options ask for.

        Raises:
            Misuse, OSError: if the metadata cannot be read.
        """
        if self.unnamed:
            payload = replace(payload, classes=payload.class_count)
        from ..selection.description import with_own

        had = None if self.no_metadata else payload.metadata
        payload = replace(payload, metadata=with_own(had, self.read_metadata()))
        if self.class_counts:
            counts = np.bincount(payload.labels, minlength=payload.class_count).tolist()
            payload = replace(payload, metadata={**(payload.metadata or {}), CLASS_COUNTS: counts})
        return payload


@dataclass(frozen=True, kw_only=True)
class CodesOptions(OptionGroup):
    """Where the codes of a selection by rule are."""

    panel = "Rules over codes"

    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            "-m",
            metavar="MANIFEST",
            help="The pool's manifest, to find its codes.",
            parser=readable(),
        ),
    ] = None
    codes: CodesOption = None

    def open(self, known: Path) -> Codes:
        """Open the codes, which were once in the file `known`.

        Raises:
            PipelineError: if there are none.
        """
        found, place = find_codes(self.codes, self.manifest)
        if found is not None:
            return found
        if known.exists() and self.manifest is None:
            return open_codes(known)
        raise PipelineError(
            "The selection keeps images by a rule over codes, and these are not at "
            f"{known}. {place}"
        )


@command
def encode(
    *,
    selection: Annotated[
        Path,
        typer.Argument(metavar="SELECTION", help="A selection by plada prune.", show_default=False),
    ],
    out: Annotated[Path, out_option("Where to write the .plada file")],
    encoding: BlockOptions,
    content: CountedContentOptions,
    about: AboutOptions,
    pool: CodesOptions,
    as_json: AsJson = False,
) -> None:
    """Write the payload of a selection, and say which part of it takes how many bytes.

    A selection by plada prune --by rule is written as its rule. Its codes are found where they were
    when it was made, beside --manifest, or by --codes.

    Example: `plada encode selection.parquet -o task.plada`
    """
    need("pyarrow", extra="pool", for_="plada encode")
    from ..selection import file as selection_file

    output = Output(as_json=as_json)
    payload = content.apply(selection_file.read(selection))
    if named_so := about.metadata():
        payload = replace(payload, metadata={**(payload.metadata or {}), **named_so})
    by = selection_file.read_rule(selection)
    codes = None if by is None else pool.open(by.codes)
    with standing(out) as file:
        dump(
            payload,
            file,
            encoding=encoding.positions(),
            block_span=encoding.block_span,
            dense=encoding.dense,
            rule=None if by is None else by.rule,
            codes=codes,
        )
        report = validate(file, codes=codes)
    parts = ", ".join(f"{name} {size:,}" for name, size in report.bytes_per_part.items())
    output.say(f"{named(out)}: {report.size:,} bytes for {payload.kept:,} images ({parts})")
    # Each way takes as long as the file itself did.
    sizes = file_sizes(payload, block_span=encoding.block_span) if payload.kept <= MANY else {}
    if sizes:
        output.say(describe(report.size, sizes))
    output.result(
        {
            "out": named(out),
            "payload_bytes": report.size,
            "kept": payload.kept,
            "content_id": content_id(payload).hex(),
            "bytes_per_part": report.bytes_per_part,
            "file_sizes": sizes,
        }
    )
