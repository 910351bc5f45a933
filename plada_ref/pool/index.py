"""Make a manifest from a source, or grow an old one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pladafmt import PoolRef

from ..errors import PipelineError
from .columns import digest_rows, whole
from .hashing import HashedImages, hash_to_parts
from .known_ids import Digests, pool_id_of
from .manifest import Manifest
from .manifest_file import ManifestFile
from .manifest_layout import Metadata, Rows
from .manifest_writer import write_manifest
from .parts import Part, in_key_order
from .reasons import why
from .sealed import SUFFIX
from .shard import OnProgress
from .source import Source


class IndexedPool(NamedTuple):
    """The result of `index_pool`.

    Attributes:
        manifest: the manifest that was written.
        bytes: size of all its images together.
        skipped: number of files left out, by reason.
    """

    manifest: ManifestFile
    bytes: int
    skipped: dict[str, int]


_NAMED = 3
"""Keys that an error message quotes at most."""


def index_pool(
    source: Source,
    out: str | os.PathLike[str],
    *,
    extend: Manifest | None = None,
    arrange: Callable[[Manifest], Manifest] | None = None,
    hash_elsewhere: Callable[[Source, Path, OnProgress | None], None] | None = None,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    on_warning: Callable[[str], None] | None = None,
    on_unreadable: Callable[[dict[str, str]], None] | None = None,
) -> IndexedPool:
    """Hash all images of `source` and write their manifest to `out`.

    Partial results lie in ``<out>.parts`` until the manifest is written: called again after an
    interruption, the work continues where it stopped. They are all in memory only when images have
    to be sorted: where the keys of one shard or stretch of files do not all lie before those of the
    next, and with `extend` or `arrange`.

    Args:
        source: all images of the pool, old and new.
        out: path of the manifest to write.
        extend: keep this manifest's order and append the images that it lacks, in key order.
        arrange: makes the manifest to write from the one in key order; not used with `extend`.
        hash_elsewhere: puts partial results into a folder before this process does what is left,
            see `plada_ref.ray.index`; also reports the progress.
        workers: processes that read and hash, see `hash_to_parts`.
        on_progress: called with the number of bytes just done, ``source.size()`` in all.
        on_warning: called with sentences about what is odd but not an error.
        on_unreadable: called with why images do not decode, by key; every image is decoded for
            that. They are images of the pool all the same.

    Raises:
        PipelineError: if a shard is damaged, a key occurs twice, there are no images, or not all
            images of the old manifest are there unchanged.
    """
    target = Path(out)
    if not target.resolve().parent.is_dir():
        raise PipelineError(f"The folder of {str(target)!r} does not exist; make it first.")
    parts = target.with_name(target.name + ".parts")
    if hash_elsewhere is not None:
        hash_elsewhere(source, parts, on_progress)
        on_progress, workers = None, 1  # All that is left is to collect the results.
    found = hash_to_parts(
        source,
        parts,
        decode=on_unreadable is not None,
        workers=workers,
        on_progress=on_progress,
    )
    if on_unreadable is not None:
        on_unreadable(found.unreadable)
    if on_warning is not None:
        for warning in found.warnings:
            on_warning(warning)
    if not any(part.images for part in found.parts):
        _remove_parts(parts)
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.skipped.items())
        said = "; ".join(f"{reason}: {why(reason)}" for reason in found.skipped)
        raise PipelineError(
            f"The source holds no image (skipped: {reasons or 'nothing'}). A folder counts image "
            "files only; for shards in it give the shards themselves, such as 'pool/*.tar'."
            + (f" What was skipped: {said}." if said else "")
        )
    ordered = in_key_order(found.parts) if extend is None and arrange is None else None
    if ordered is not None:
        _write_in_order(target, ordered)
    elif extend is not None:
        grown(extend, found.collected()).write(target)
    else:
        images = found.collected()
        manifest = Manifest.of_images(images.keys, images.digests, images.sizes)
        (manifest if arrange is None else arrange(manifest)).write(target)
    _remove_parts(parts)
    size = sum(part.bytes for part in found.parts)
    return IndexedPool(ManifestFile(target), size, found.skipped)


def _write_in_order(target: Path, ordered: list[Part]) -> None:
    """Write the manifest of parts whose keys ascend from part to part; reads one at a time."""

    def digests() -> Iterator[Digests]:
        for part in ordered:
            yield digest_rows(whole(part.read(["sha256"]).column(0)))

    def rows() -> Iterator[Rows]:
        for part in ordered:
            keys, sha256, sizes = map(whole, part.read().columns)
            yield Rows(keys, digest_rows(sha256), sizes.to_numpy())

    count = sum(part.images for part in ordered)
    pool = PoolRef(pool_id_of(digests, count), count)
    write_manifest(target, rows(), Metadata(pool, "key", (count,), None))


def grown(old: Manifest, found: HashedImages) -> Manifest:
    """Make a manifest of `old` and the images that it lacks, appended in key order.

    Raises:
        PipelineError: if an image of `old` is missing from `found` or has other bytes.
    """
    old.check()  # The rest relies on its digests.
    row = pc.index_in(old.keys, value_set=found.keys).fill_null(-1).to_numpy()
    missing = np.flatnonzero(row < 0)
    if len(missing):
        raise PipelineError(_cannot_grow(old, missing, "missing from the source"))
    changed = np.flatnonzero((found.digests[row] != old.digests).any(axis=1))
    if len(changed):
        raise PipelineError(_cannot_grow(old, changed, "stored with other bytes"))
    new = np.ones(len(found.keys), bool)
    new[row] = False
    count = len(old) + int(new.sum())
    return Manifest.of_images(
        pa.concat_arrays([old.keys, found.keys.filter(pa.array(new))]),
        np.concatenate([old.digests, found.digests[new]]),
        np.concatenate([old.sizes, found.sizes[new]]),
        order=old.order,
        generations=old.generations if count == len(old) else (*old.generations, count),
        order_made_by=old.order_made_by,
    )


def _cannot_grow(old: Manifest, positions: np.ndarray, what: str) -> str:
    named = ", ".join(repr(old.key(int(position))) for position in positions[:_NAMED])
    more = ", ..." if len(positions) > _NAMED else ""
    return (
        f"{len(positions)} of the {len(old)} images in the old manifest are {what}: {named}{more}. "
        "A pool only grows: put these images back, or index without extending to make another pool."
    )


def _remove_parts(parts: Path) -> None:
    """Remove the partial results, and nothing else in their folder."""
    # Parquet files are those of older versions.
    for pattern in (f"*{SUFFIX}", "*.parquet", ".*.part"):
        for file in parts.glob(pattern):
            file.unlink(missing_ok=True)
    if parts.is_dir() and not any(parts.iterdir()):
        parts.rmdir()
