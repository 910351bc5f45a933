"""Codes of a whole pool: features, a projection fitted to a sample of them, and the table."""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pladafmt import Codes
from pladafmt.files import replacing
from pladafmt.rules.codes import MOST_COLUMNS

from ..compute.context import Compute
from ..errors import Misuse, PipelineError
from ..features.backbone import Backbone, FeatureEngine
from ..features.cache import CachedView, FeatureCache
from ..images import ImagePool
from ..models.preparation import Preparation
from ..models.spec import ModelSpec, backbone_digest
from ..pool.known_ids import codes_id
from .projection import CHUNK, Origin, Projection

SAMPLE = 50_000
"""Images of a pool that its projection is fitted to; all of a smaller pool."""

COLUMNS = 256

_LIBRARIES = ("torch", "timm", "numpy")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a pool's codes are made.

    Attributes:
        backbone: the model whose features the codes are made of, and its image preparation.
        columns: codes of each image, at most.
        seed: of the sample, and of weights that `backbone` names no file for.
    """

    backbone: ModelSpec
    columns: int = COLUMNS
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.columns <= MOST_COLUMNS:
            raise Misuse(f"--columns is a number from 1 to {MOST_COLUMNS:,}, not {self.columns}.")
        if not 0 <= self.seed < 2**32:
            raise Misuse(f"--seed is a number from 0 to 2^32 - 1, not {self.seed}.")


def make_codes(
    pool: ImagePool,
    settings: Settings,
    *,
    codes: Path,
    projection: Path,
    scratch: Path,
    compute: Compute | None = None,
    engine: FeatureEngine | None = None,
    max_unreadable: float | None = None,
) -> Projection:
    """Make the codes of a pool and write them, then their projection; return the latter.

    Features (2 x F bytes per image) lie in `scratch`. The same images, settings, libraries and
    processor give the same files. Other machines need not: ship them.

    Args:
        codes, projection: files to write, each whole or not at all.
        scratch: folder for features, made when needed. A later call with the same pool and backbone
            goes on with what is there.
        engine: what computes the features; this process when None.
        max_unreadable: the part of the images that may be skipped since they do not decode; see
            `plada_ref.pool.most_unreadable`. Their codes are zeros, and no rule that
            `plada_ref.selection.rules` makes keeps them.

    Raises:
        PipelineError: if an image has changed or is missing, if too many do not decode, if weights
            cannot be read, or if all images look the same.
    """
    spec = settings.backbone
    backbone = Backbone.of(spec, compute or Compute(), seed=settings.seed)
    cache = FeatureCache.of_pool(scratch, pool)
    view = backbone.pool(pool, cache, engine=engine, max_unreadable=max_unreadable)
    unreadable = view.unreadable()
    rows = np.setdiff1d(_sample(len(pool), settings.seed), unreadable, assume_unique=True)
    origin = Origin(
        model=spec.model,
        backbone=backbone_digest(backbone.network),
        preparation=asdict(backbone.preparation),
        seed=settings.seed,
        sample=len(rows),
        pool_id=pool.ref.id.hex(),
        versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
    )
    fitted = Projection.fit(view.get, rows, settings.columns, origin)
    found = _write(codes, fitted, view, backbone.compute, images=len(pool))
    stated = replace(fitted, unreadable=len(unreadable))
    return stated.write(projection, images=len(pool), codes_id=found, pool_id=pool.ref.id.hex())


def extend_codes(
    pool: ImagePool,
    old: Codes,
    by: Projection,
    spec: ModelSpec,
    *,
    codes: Path,
    projection: Path,
    scratch: Path,
    compute: Compute | None = None,
    engine: FeatureEngine | None = None,
    max_unreadable: float | None = None,
) -> Projection:
    """Make the codes of a pool that has grown; as `make_codes`, but the first rows are `old`.

    Only the new images are looked at, so rules for the old codes serve the grown pool's clients.

    Args:
        old: codes of the pool's first images.
        by: the projection that they were made with.
        spec: where the model's weights are; model and preparation are those of `by`.

    Raises:
        PipelineError: if `old` and `by` do not go together, or the weights are others.
    """
    if (by.images, by.codes_id) != (len(old), old.id_of(len(old)).hex()):
        raise PipelineError(
            f"The projection was written with other codes: {by.images:,} rows with the id "
            f"{by.codes_id[:16]}...; give the codes and the projection of one pool."
        )
    if len(old) > len(pool):
        raise PipelineError(
            f"The codes are of {len(old):,} images, and the pool has {len(pool):,}; give the "
            "manifest of the pool that has grown."
        )
    backbone = backbone_of(by, spec, compute or Compute())
    cache = FeatureCache.of_pool(scratch, pool)
    view = backbone.pool(pool, cache, engine=engine, since=len(old), max_unreadable=max_unreadable)
    found = _write(codes, by, view, backbone.compute, images=len(pool), old=old.table)
    new = int((view.unreadable() >= len(old)).sum())
    stated = replace(by, unreadable=by.unreadable + new)
    return stated.write(projection, images=len(pool), codes_id=found, pool_id=pool.ref.id.hex())


def made_with(projection: Projection, backbone: Backbone) -> bool:
    """Whether a projection was made with this backbone: the same weights, images seen alike.

    Raises:
        PipelineError: if the projection does not say how images are prepared.
    """
    return (
        backbone.preparation == _preparation(projection)
        and backbone_digest(backbone.network) == projection.origin.backbone
    )


def backbone_of(projection: Projection, spec: ModelSpec, compute: Compute) -> Backbone:
    """The backbone that a projection was made with, so that other images get such codes.

    Args:
        spec: where its weights are; the rest of it is not used.

    Raises:
        PipelineError: if the weights cannot be read, or are others.
    """
    origin = projection.origin
    stated = _preparation(projection)
    same = ModelSpec(
        origin.model,
        spec.weights,
        spec.pretrained,
        stated.img_size,
        stated.via_size,
        stated.grey,
        random_backbone=True,  # If the codes were made with such weights: compared below.
    )
    backbone = Backbone.of(same, compute, seed=origin.seed)
    if not made_with(projection, backbone):
        raise PipelineError(
            f"The codes were made with other weights of {origin.model} (backbone "
            f"{origin.backbone[:16]}...); give those with --weights, or with --codes-weights where "
            "that names another model's."
        )
    return backbone


def _preparation(projection: Projection) -> Preparation:
    try:
        how = dict(projection.origin.preparation)
        return Preparation(**how | {key: tuple(how[key]) for key in ("mean", "std")})
    except (KeyError, TypeError) as exc:
        raise PipelineError(
            f"The projection does not say how images are prepared ({exc}); it is damaged."
        ) from exc


def _sample(count: int, seed: int) -> npt.NDArray[np.int64]:
    if count <= SAMPLE:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, SAMPLE, replace=False, shuffle=False))


def _write(
    path: Path,
    projection: Projection,
    view: CachedView,
    compute: Compute,
    *,
    images: int,
    old: npt.NDArray[np.int8] | None = None,
) -> bytes:
    """Write the table of codes, whose first rows are `old`, and return its id.

    Not through a memory map: the system kills a process that fills a full disk in that way.
    """
    start = 0 if old is None else len(old)
    unreadable = view.unreadable()
    shape = (images, projection.columns)
    with replacing(path) as temporary:
        with open(temporary, "wb") as file:
            header = {"descr": "|i1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(0, start, CHUNK):
                assert old is not None
                file.write(old[first : first + CHUNK].tobytes())
            with compute.progress.track("Codes", images - start) as advance:
                for first in range(start, images, CHUNK):
                    rows = np.arange(first, min(first + CHUNK, images), dtype=np.int64)
                    made = projection.codes(view.get(rows))
                    made[np.isin(rows, unreadable, assume_unique=True)] = 0
                    file.write(made.tobytes())
                    advance(len(rows))
        return codes_id(np.load(temporary, mmap_mode="r"))
