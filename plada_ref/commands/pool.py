"""``plada pool``: list the pool's images once, put them in order, and check them later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pladafmt.text import for_terminal, printable

from ..errors import Misuse
from ..optional import need
from ..output import Output
from . import pool_codes, pool_order
from .exit_codes import command, resumes, updates
from .options.address import readable
from .options.engine import IndexEngineOptions
from .options.order import OrderOptions, forget_features, prepare
from .options.out import named, out_option, standing
from .pool_decode import DecodeOption, tell_unreadable

if TYPE_CHECKING:
    from ..order import Permutation
    from ..pool import Manifest, Source

app = typer.Typer(
    name="pool",
    help="List the images of a pool in a manifest, put them in order, check them against it, and "
    "make codes of them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.command()(pool_order.order)
app.command()(pool_codes.codes)

_SHOWN = 10
_MEGABYTE = 1_000_000

Sources = Annotated[
    list[str],
    typer.Argument(
        help="Image folders, uncompressed .tar shards (also ImageNet's tar of tars) or .parquet "
        "files with image bytes: paths, globs, or URLs that fsspec knows (s3://, zip://...).",
        show_default=False,
    ),
]
KnownSources = Annotated[
    list[str] | None,
    typer.Argument(
        help="Where the pool's images are, as for plada pool index. Default: where they were when "
        "the manifest was made.",
        show_default=False,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object on standard output.")
]


@app.command()
@command
@resumes
@updates("extend")
def index(
    *,
    sources: Sources,
    out: Annotated[
        Path,
        out_option("Where to write the manifest", metavar="MANIFEST"),
    ],
    extend: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD_MANIFEST",
            help="Keep the order of this manifest and append the images that it lacks; the grown "
            "pool serves every payload made for the old one. SOURCES hold old and new images.",
            parser=readable(),
        ),
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            metavar="key|semantic",
            help="key: the bytewise order of the keys. semantic: alike images together, which "
            "makes payloads smaller; takes a pass of --model over the pool. See plada pool order.",
        ),
    ] = "key",
    decode: DecodeOption = False,
    semantic: OrderOptions,
    machine: IndexEngineOptions,
    as_json: AsJson = False,
) -> None:
    """Hash every image of a pool and write its manifest.

    The manifest (Parquet: key, sha256, size) fixes which images the pool has and in which order;
    its pool id is what payloads refer to. Images are ordered by key: the path in the folder or
    the member's name in the shard. Other files are skipped and counted. Where the images are is
    written beside it (pool.sources.json), so that other commands need --manifest alone.

    With --decode, images that do not decode (cut short, empty, web pages, too large) are reported,
    all at once. The manifest is written all the same, and lists them: they are files of the pool,
    its pool id covers them, and nothing that reads the pool later keeps them. Exit status 1 says
    that there are some. To have a pool without them, remove the files and index again before the
    pool is published.

    An interrupted run goes on where it stopped when it is called again.

    With --engine ray the images are read and hashed on a cluster, each of whose nodes sees SOURCES
    under the same path or URL; with --order semantic, --model runs there as well.

    Example: `plada pool index 'imagenet21k/*.tar' -o pool.parquet`
    """
    if order not in ("key", "semantic"):
        raise Misuse(f"--order is key or semantic, not {order!r}.")
    by_looks = order == "semantic"
    if by_looks and extend is not None:
        raise Misuse(
            "A grown pool keeps the order of the old manifest, and new images follow in key "
            "order; leave --order out, or index without --extend to make another pool."
        )
    permutation = semantic.permutation
    if not by_looks and (semantic.model is not None or permutation is not None):
        raise Misuse("--model and --permutation go with --order semantic.")
    _need_packages("plada pool index")
    on_ray = machine.on_ray()
    if by_looks:
        prepare("plada pool index --order semantic")
        semantic.settings()  # Refuses now what would be refused when all images are hashed.
    from ..pool import Manifest, index_pool, open_source, remember
    from ..pool.reasons import why

    output = Output(as_json=as_json)
    started = time.monotonic()
    old = Manifest.read(extend) if extend is not None else None
    source = open_source(sources)
    made: list[Permutation] = []
    warnings: list[str] = []
    unreadable: dict[str, str] = {}

    def warn(sentence: str) -> None:
        warnings.append(sentence)
        output.warn(printable(sentence))

    def arrange(listed: Manifest) -> Manifest:
        reading.close()  # All is read; the next progress bar is another.
        made.append(
            semantic.permutation_of(listed, source, out=file, compute=compute, engine=engine)
        )
        return made[0].apply(listed)

    with standing(out) as file, ExitStack() as connection, ExitStack() as reading:
        hash_elsewhere = None
        if on_ray:
            from ..ray import connection as cluster
            from ..ray import index as ray_index

            connection.enter_context(cluster.connected(machine.address))
            hash_elsewhere = partial(ray_index.hash_on_ray, decode=decode)
        if by_looks:
            compute, engine = machine.features(output)
        indexed = index_pool(
            source,
            file,
            extend=old,
            arrange=arrange if by_looks else None,
            hash_elsewhere=hash_elsewhere,
            workers=machine.workers,
            on_progress=reading.enter_context(_reading(output, source)),
            on_warning=warn,
            on_unreadable=unreadable.update if decode else None,
        )
    manifest = indexed.manifest
    about_order: dict[str, Any] = {"order": manifest.metadata.order}
    if made:
        written = made[0].write(permutation) if permutation is not None else None
        forget_features(file)
        about_order |= {
            "key_pool_id": made[0].base.id.hex(),
            "order_made_by": dict(made[0].made_by),
            "permutation": None if permutation is None else str(permutation),
            "permutation_bytes": written,
        }
    output.say(f"pool id  {manifest.pool.id.hex()}")
    output.say(f"images   {len(manifest):,} ({indexed.bytes / _MEGABYTE:,.1f} MB)")
    if old is not None:
        output.say(f"new      {len(manifest) - len(old):,}")
    for reason, count in indexed.skipped.items():
        output.say(f"skipped  {count:,} {reason} ({why(reason)})")
    beside = remember(out, sources)
    undecoded = tell_unreadable(output, unreadable if decode else None, len(manifest))
    output.say(f"manifest {named(out)}")
    if beside is not None:
        output.say(f"sources  {for_terminal(str(beside))}: from now on, -m MANIFEST is enough")
    if permutation is not None:
        output.say(f"permutation {about_order['permutation_bytes']:,} bytes: {permutation}")
    output.result(
        {
            "pool_id": manifest.pool.id.hex(),
            "images": len(manifest),
            "bytes": indexed.bytes,
            "manifest": named(out),
            "skipped": indexed.skipped,
            "unreadable": undecoded,
            "warnings": warnings,
            "grown_from": None if old is None else len(old),
            "seconds": round(time.monotonic() - started, 3),
        }
        | about_order
    )
    if unreadable:
        raise typer.Exit(1)


@app.command()
@command
def verify(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST", help="The manifest to check against.", parser=readable()
        ),
    ],
    sources: KnownSources = None,
    sample: Annotated[
        str,
        typer.Option(
            metavar="N|all", help="Check this many images drawn at random, or all of them."
        ),
    ] = "all",
    decode: DecodeOption = False,
    as_json: AsJson = False,
) -> None:
    """Check the stored images against a manifest.

    Reports images whose bytes have changed, that are missing, and (unless a sample is checked)
    extra ones that the manifest does not list. Codes beside the manifest are checked as well: their
    rows, and their id if their projection is there. With --decode, also those that do not decode.
    Exit status 1 if an image has changed, is missing or does not decode, or the codes are others.

    Example: `plada pool verify pool.parquet --sample 10000`
    """
    _need_packages("plada pool verify")
    from ..pool import Manifest, open_remembered, open_source, verify_all, verify_sample

    count = _sample_size(sample)
    output = Output(as_json=as_json)
    started = time.monotonic()
    listed = Manifest.read(manifest)
    source = open_source(sources) if sources else open_remembered(manifest)
    if count is None:
        with _reading(output, source) as on_progress:
            verdict = verify_all(listed, source, decode=decode, on_progress=on_progress)
    else:
        with output.track("Checking images", min(count, len(listed))) as advance:
            verdict = verify_sample(listed, source, count, decode=decode, on_progress=advance)
    _show(output, "changed", verdict.changed)
    _show(output, "missing", verdict.missing)
    _show(output, "extra", verdict.extra or [])
    output.say(
        f"checked {verdict.checked:,} of {len(listed):,} images: {len(verdict.changed):,} changed, "
        f"{len(verdict.missing):,} missing"
        + ("" if verdict.extra is None else f", {len(verdict.extra):,} extra")
    )
    here = verdict.checked - len(verdict.changed) - len(verdict.missing)
    undecoded = tell_unreadable(output, verdict.unreadable, here)
    codes = pool_codes.check_codes(manifest, listed.pool, output)
    good = verdict.good and (codes is None or codes["problem"] is None)
    output.result(
        {
            "ok": good,
            "pool_id": listed.pool.id.hex(),
            "images": len(listed),
            "checked": verdict.checked,
            "changed": verdict.changed,
            "missing": verdict.missing,
            "extra": verdict.extra,
            "unreadable": undecoded,
            "codes": codes,
            "manifest": str(manifest),
            "seconds": round(time.monotonic() - started, 3),
        }
    )
    if not good:
        raise typer.Exit(1)


def _need_packages(name: str) -> None:
    for module in ("numpy", "pyarrow", "fsspec", "PIL"):
        need(module, extra="pool", for_=name)


def _sample_size(sample: str) -> int | None:
    if sample == "all":
        return None
    if not sample.isascii() or not sample.isdigit() or int(sample) == 0:
        raise Misuse(f"--sample takes a number of images from 1, or all; not {sample!r}.")
    return int(sample)


def _show(output: Output, what: str, keys: list[str]) -> None:
    for key in keys[:_SHOWN]:
        output.say(f"{what:8} {for_terminal(key)}")
    if len(keys) > _SHOWN:
        output.say(f"{what:8} ... and {len(keys) - _SHOWN:,} more")


@contextmanager
def _reading(output: Output, source: Source) -> Iterator[Callable[[int], None]]:
    """Show the bytes read from a source, in megabytes."""
    with output.track("Reading images (MB)", source.size() // _MEGABYTE) as advance:
        done = 0

        def on_progress(count: int) -> None:
            nonlocal done
            step = (done + count) // _MEGABYTE - done // _MEGABYTE
            done += count
            if step:
                advance(step)

        yield on_progress
