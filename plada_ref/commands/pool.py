"""``plada pool``: list the pool's images once, and check them later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pladafmt.text import for_terminal

from ..errors import Misuse
from ..extras import need
from .output import Output
from .run import command

if TYPE_CHECKING:
    from ..pool import Source

app = typer.Typer(
    name="pool",
    help="List the images of a pool in a manifest, and check them against it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_SHOWN = 10
_MEGABYTE = 1_000_000

Sources = Annotated[
    list[str],
    typer.Argument(
        help="Image folders, uncompressed .tar shards or .parquet files with image bytes: paths, "
        "globs, or URLs that fsspec knows (s3://, https://, zip://...).",
        show_default=False,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object on standard output.")
]


@app.command()
@command
def index(
    sources: Sources,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="MANIFEST", help="Where to write the manifest."),
    ],
    extend: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD_MANIFEST",
            help="Keep the order of this manifest and append the images that it lacks; the grown "
            "pool serves every payload made for the old one. SOURCES hold old and new images.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hash every image of a pool and write its manifest.

    The manifest (Parquet: key, sha256, size) fixes which images the pool has and in which order;
    its pool id is what payloads refer to. Images are ordered by key: the path in the folder or
    the member's name in the shard. Other files are skipped and counted.

    An interrupted run goes on where it stopped when it is called again.

    Example: `plada pool index 'imagenet21k/*.tar' -o pool.parquet`
    """
    _need_packages("plada pool index")
    from ..pool import Manifest, index_pool, open_source

    output = Output(as_json=as_json)
    started = time.monotonic()
    old = Manifest.read(extend) if extend is not None else None
    source = open_source(sources)
    with _reading(output, source) as on_progress:
        manifest, skipped = index_pool(source, out, extend=old, on_progress=on_progress)
    size = int(manifest.sizes.sum())
    output.say(f"pool id  {manifest.pool.id.hex()}")
    output.say(f"images   {len(manifest):,} ({size / _MEGABYTE:,.1f} MB)")
    if old is not None:
        output.say(f"new      {len(manifest) - len(old):,}")
    for reason, count in skipped.items():
        output.say(f"skipped  {count:,} {reason}")
    output.say(f"manifest {out}")
    output.result(
        {
            "pool_id": manifest.pool.id.hex(),
            "images": len(manifest),
            "bytes": size,
            "manifest": str(out),
            "skipped": skipped,
            "grown_from": None if old is None else len(old),
            "seconds": round(time.monotonic() - started, 3),
        }
    )


@app.command()
@command
def verify(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="The manifest to check against.")
    ],
    sources: Sources,
    sample: Annotated[
        str,
        typer.Option(
            metavar="N|all", help="Check this many images drawn at random, or all of them."
        ),
    ] = "all",
    as_json: AsJson = False,
) -> None:
    """Check the stored images against a manifest.

    Reports images whose bytes have changed, that are missing, and (unless a sample is checked)
    extra ones that the manifest does not list. Exit status 1 if any has changed or is missing.

    Example: `plada pool verify pool.parquet 'imagenet21k/*.tar' --sample 10000`
    """
    _need_packages("plada pool verify")
    from ..pool import Manifest, open_source, verify_all, verify_sample

    count = _sample_size(sample)
    output = Output(as_json=as_json)
    started = time.monotonic()
    listed = Manifest.read(manifest)
    source = open_source(sources)
    if count is None:
        with _reading(output, source) as on_progress:
            verdict = verify_all(listed, source, on_progress=on_progress)
    else:
        with output.progress("Checking images", min(count, len(listed))) as advance:
            verdict = verify_sample(listed, source, count, on_progress=advance)
    _show(output, "changed", verdict.changed)
    _show(output, "missing", verdict.missing)
    _show(output, "extra", verdict.extra or [])
    output.say(
        f"checked {verdict.checked:,} of {len(listed):,} images: {len(verdict.changed):,} changed, "
        f"{len(verdict.missing):,} missing"
        + ("" if verdict.extra is None else f", {len(verdict.extra):,} extra")
    )
    output.result(
        {
            "ok": verdict.good,
            "pool_id": listed.pool.id.hex(),
            "images": len(listed),
            "checked": verdict.checked,
            "changed": verdict.changed,
            "missing": verdict.missing,
            "extra": verdict.extra,
            "manifest": str(manifest),
            "seconds": round(time.monotonic() - started, 3),
        }
    )
    if not verdict.good:
        raise typer.Exit(1)


def _need_packages(name: str) -> None:
    for module in ("numpy", "pyarrow", "fsspec", "PIL"):
        need(module, extra="ref", for_=name)


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
    with output.progress("Reading images (MB)", source.size() // _MEGABYTE) as advance:
        done = 0

        def on_progress(count: int) -> None:
            nonlocal done
            step = (done + count) // _MEGABYTE - done // _MEGABYTE
            done += count
            if step:
                advance(step)

        yield on_progress
