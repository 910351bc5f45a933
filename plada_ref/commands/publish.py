"""``plada publish``: lay out what a publisher puts online."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from pladafmt import Codes, Mismatch, Payload, loads, validate
from pladafmt.text import for_terminal

from ..errors import Misuse, PipelineError
from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.codes import CodesOption, with_codes
from .options.common import AsJson, LimitOptions, PayloadFile, limits_from, read_whole
from .options.out import a_folder
from .options.pool import OptionalPoolOptions

app = typer.Typer(
    name="publish",
    help="Lay out a folder for any static host or model hub: a pool once, tasks often. Clients use "
    "plada tasks and plada fetch, or read plada-index.json.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Read = tuple[Payload, str]
"""A payload, and the id of the key that it is signed with, "" if it is not signed."""

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="What is put online; made if it is not there.",
        show_default=False,
        callback=a_folder,
    ),
]


@app.command()
@command
def pool(
    *,
    folder: Folder,
    local: OptionalPoolOptions,
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            metavar="ADDRESS",
            help="Where clients find the pool's shards: the address of their folder, or a folder "
            "below FOLDER, by its path from there, that holds them.",
        ),
    ] = None,
    obtain: Annotated[
        str, typer.Option(metavar="TEXT", help="How the images are obtained, for people.")
    ] = "",
    title: Annotated[str, typer.Option(metavar="TEXT", help="What the pool is called.")] = "",
    licence: Annotated[
        str, typer.Option(metavar="SPDX|URL", help="The licence of the images.")
    ] = "",
    order: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The permutation of a semantic order, by --permutation."),
    ] = None,
    no_codes: Annotated[
        bool, typer.Option("--no-codes", help="Leave out the codes beside the manifest.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a pool into FOLDER: its manifest, where its images are, codes, a card, and the index.

    The images stay where they are. From shards that --images names, a client fetches only those
    that its payloads keep: where these lie in the shards is published as well. Called again, it
    writes only what has changed.

    Example: `plada publish pool site/ -m pool.parquet --images https://example.org/shards
    --licence CC-BY-4.0`
    """
    need("pyarrow", extra="pool", for_="plada publish pool")
    from ..pool import ManifestFile, open_remembered, open_source
    from ..publishing.publish import publish_pool
    from .pool_codes import check_codes

    output = Output(as_json=as_json)
    manifest = ManifestFile(local.listed)
    source = None
    if images is not None:
        source = open_source(local.places) if local.places else open_remembered(local.listed)
    found = None if no_codes else check_codes(local.listed, manifest.pool, output)
    if found is not None and found["problem"] is not None:
        raise PipelineError(
            "The codes beside the manifest cannot be published; leave them out with --no-codes."
        )
    if order is not None:
        from ..order import Permutation

        if Permutation.read(order, images=len(manifest)).result != manifest.pool:
            raise Misuse(f"The permutation {str(order)!r} leads to another pool than MANIFEST.")
    published = publish_pool(
        folder,
        manifest,
        source=source,
        images=images,
        obtain=obtain,
        name=title,
        licence=licence,
        order=order,
        with_codes=not no_codes,
    )
    for role, file in sorted(published.files.items()):
        output.say(f"{role:<10} {file.bytes:>13,} bytes  {file.path}")
    output.say(f"pool {published.id} of {published.size:,} images is published in {folder}")
    output.result({"folder": str(folder)} | published.to_json())


@app.command()
@command
def task(
    *,
    folder: Folder,
    payload: PayloadFile,
    accuracy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STUDENT=SHARE",
            help="Accuracy of a kind of student, for the card, such as 'lite0 head=0.861'. May be "
            "repeated.",
        ),
    ] = None,
    pool_elsewhere: Annotated[
        bool,
        typer.Option("--pool-elsewhere", help="Publish it though its pool is not in FOLDER."),
    ] = False,
    codes: CodesOption = None,
    limit: LimitOptions = None,
    as_json: AsJson = False,
) -> None:
    """Put a version of a task into FOLDER: payload, class names, a card, and a line in the index.

    Name and version are those in the payload's metadata, which a signature covers: plada encode
    --name --version. A version that is published keeps its bytes: whatever changes is a new one.

    Example: `plada publish task site/ digits.plada --accuracy 'lite0 head=0.861'`
    """
    need("pyarrow", extra="pool", for_="plada publish task")
    from ..publishing.folder import read_index
    from ..publishing.publish import publish_task

    output = Output(as_json=as_json)
    figures = dict(map(_figure, accuracy or ()))
    limits = limits_from(limit)
    data = read_whole(payload)

    def read(table: Codes | None) -> Read:
        found = loads(data, limits=limits, codes=table)
        report = validate(data, limits=limits, codes=table)
        return found, report.facts["signed_by"] or ""

    pools = read_index(folder).pools
    manifests = [folder / each.files["manifest"].path for each in pools]
    found, signed_by = _read(read, codes, manifests)
    published = publish_task(
        folder,
        data,
        found,
        signed_by=signed_by,
        accuracy=figures,
        pool_elsewhere=pool_elsewhere,
    )
    size = published.files["payload"].bytes
    output.say(
        f"{published.name} {published.version}: {size:,} bytes, {published.kept:,} images of "
        f"{published.classes:,} classes, is published in {folder}"
    )
    if not signed_by:
        output.warn(
            "The payload is not signed, so clients cannot tell who made it (plada sign); and a "
            "host could change it together with its digest."
        )
    output.result({"folder": str(folder)} | published.to_json())


def _figure(text: str) -> tuple[str, float]:
    kind, _, value = text.rpartition("=")
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not kind or not 0 <= share <= 1:
        raise Misuse(
            f"--accuracy takes STUDENT=SHARE with a share from 0 to 1, such as 'lite0 "
            f"head=0.861'; not {for_terminal(text)!r}."
        )
    return kind, share


def _read(
    read: Callable[[Codes | None], Read], codes: Path | None, manifests: Iterable[Path]
) -> Read:
    """Read a payload: as it is, or with codes that are named or lie beside one of the manifests."""
    try:
        return with_codes(read, codes)
    except Mismatch as exc:
        problem = exc
    for manifest in manifests:
        with suppress(Mismatch):
            return with_codes(read, codes, manifest)
    raise problem
