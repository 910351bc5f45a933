"""``plada pool codes``: small integers about each image, for rules."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pladafmt import PoolRef

from ..errors import Misuse, PipelineError
from ..optional import need
from ..output import Output
from .exit_codes import command, resumes, updates
from .options.address import readable, refuse_fetched
from .options.common import AsJson, Seed
from .options.compute import prepare
from .options.engine import EngineOptions
from .options.group import OptionGroup
from .options.model import BackboneOptions
from .options.out import check_file
from .options.pool import MaxUnreadableOption

if TYPE_CHECKING:
    from ..pool.codes import PoolCodes


@dataclass(frozen=True, kw_only=True)
class CodesModelOptions(BackboneOptions):
    """The model whose features codes are made of."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Any model of timm, whose features the codes are made of. Not with --extend.",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class CodesOptions(OptionGroup):
    """What the codes are, and where they are written."""

    columns: Annotated[
        int | None,
        typer.Option(
            help="Codes of each image, a byte each; 256 by default. A rule uses the first ones."
        ),
    ] = None
    seed: Seed = 0
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="CODES",
            help="Where to write the codes; pool.codes.npy beside pool.parquet by default, where "
            "every command finds them.",
        ),
    ] = None
    projection: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write the projection, with which a server makes codes of a task's "
            "images; pool.projection.safetensors beside pool.codes.npy by default.",
        ),
    ] = None
    extend: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD_CODES",
            help="Keep these codes of the pool's first images and make those of the images that "
            "were added, with the projection beside OLD_CODES; payloads for the old codes stay "
            "good.",
        ),
    ] = None
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the features in this folder. By default they are kept next to the codes "
            "until these are written, so that an interrupted run can go on.",
        ),
    ] = None


@command
@resumes
@updates("extend")
def codes(
    *,
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            help="The pool's manifest.",
            show_default=False,
            parser=readable(),
        ),
    ],
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Where the pool's images are, as for plada pool index. Default: where they were "
            "when the manifest was made.",
            show_default=False,
        ),
    ] = None,
    model: CodesModelOptions,
    made: CodesOptions,
    max_unreadable: MaxUnreadableOption = None,
    machine: EngineOptions,
    as_json: AsJson = False,
) -> None:
    """Make the codes of a pool: some bytes about each image, which rules are written in.

    Codes are the principal components of a model's features, whitened and rounded. A pool's
    publisher makes them once and ships them with the manifest; a payload may then say by a rule
    over codes which images it keeps, in a few hundred bytes (plada prune --by rule). Clients need
    the codes and neither the model nor the projection. Floats differ between machines, so codes
    are shipped, and not made again.

    An interrupted run goes on where it stopped when it is called again.

    Example: `plada pool codes pool.parquet 'shards/*.tar' --model tf_efficientnet_lite0 --weights
    lite0.safetensors --img-size 96 --via-size 32`

    Example: `plada pool codes grown.parquet 'shards/*.tar' --extend pool.codes.npy --weights
    lite0.safetensors`
    """
    prepare("plada pool codes")
    for module in ("threadpoolctl", "PIL"):
        need(module, extra="ref", for_="plada pool codes")
    on_ray = machine.on_ray()
    if made.extend is None and model.model is None:
        raise Misuse("Codes need --model, and its --weights (or --pretrained).")
    if made.extend is not None and (
        model.model is not None
        or made.columns is not None
        or (model.img_size, model.via_size, model.grey) != (None, None, False)
    ):
        raise Misuse(
            "--extend takes model, image sizes and columns from the old projection; leave --model, "
            "--columns, --img-size, --via-size and --grey out."
        )
    from ..pool.codes import PoolCodes, codes_beside, projection_beside

    if made.out is None:
        refuse_fetched(manifest, "is elsewhere; name the file of the codes with --out.")
    out = made.out or codes_beside(manifest)
    projection = made.projection or projection_beside(out)
    for path in (out, projection):
        check_file(path, "--out" if path == out else "--projection")
    from ..codes.make import COLUMNS, Settings, extend_codes, make_codes
    from ..codes.projection import Projection
    from ..pool import open_pool

    output = Output(as_json=as_json)
    started = time.monotonic()
    scratch = out.with_name(f"{out.name}.features")
    spec = model.spec_of(model.model or "", model.weights)
    # Refuses what cannot be made before anything is opened.
    if made.extend is None:
        spec.check_frozen("Making codes")
    settings = Settings(
        backbone=spec,
        columns=COLUMNS if made.columns is None else made.columns,
        seed=made.seed,
    )
    old = None if made.extend is None else PoolCodes(made.extend)
    by = None if made.extend is None else Projection.read(projection_beside(made.extend))
    pool = open_pool(manifest, *(sources or ()))
    with ExitStack() as connection:
        if on_ray:
            from ..ray.connection import connected

            connection.enter_context(connected(machine.address))
        compute, engine = machine.features(output)
        files: dict[str, Any] = {
            "codes": out,
            "projection": projection,
            "scratch": made.features or scratch,
            "compute": compute,
            "engine": engine,
            "max_unreadable": max_unreadable,
        }
        if old is None or by is None:
            found = make_codes(pool, settings, **files)
        else:
            found = extend_codes(pool, old, by, spec, **files)
    shutil.rmtree(scratch, ignore_errors=True)
    size = out.stat().st_size
    output.say(f"codes      {out}: {size:,} bytes")
    output.say(f"images     {found.images:,}, {found.columns} codes each")
    if found.unreadable:
        output.say(f"unreadable {found.unreadable:,}, whose codes are zeros")
    if old is not None:
        output.say(f"new        {found.images - len(old):,}")
    elif found.columns < settings.columns:
        output.say(f"           the model's features have no more than {found.columns} directions")
    output.say(f"codes id   {found.codes_id}")
    output.say(f"projection {projection}: {projection.stat().st_size:,} bytes")
    output.result(
        {
            "codes": str(out),
            "projection": str(projection),
            "images": found.images,
            "columns": found.columns,
            "codes_id": found.codes_id,
            "bytes": size,
            "projection_bytes": projection.stat().st_size,
            "unreadable": found.unreadable,
            "grown_from": None if old is None else len(old),
            "sample": found.origin.sample,
            "seconds": round(time.monotonic() - started, 3),
        }
    )


def check_codes(manifest: Path, ref: PoolRef, output: Output) -> dict[str, Any] | None:
    """Check the codes beside a manifest, say what was found, and return it; None without codes.

    Args:
        ref: the manifest's pool.
    """
    from ..pool.codes import PoolCodes, stored_codes

    path = stored_codes(manifest)
    if not path.exists():
        return None
    found: dict[str, Any] = {"file": str(path), "rows": None, "columns": None, "codes_id": None}
    problem = None
    try:
        table = PoolCodes(path)
        found |= {"rows": len(table), "columns": table.columns}
        found["codes_id"] = table.id_of(len(table)).hex()
        problem = _problem(path, table, ref)
    except PipelineError as exc:
        problem = str(exc)
    if problem is None:
        output.say(
            f"codes    {found['rows']:,} rows of {found['columns']}, id {found['codes_id']}: {path}"
        )
    else:
        output.say(f"codes    {path}: {problem}")
    return found | {"problem": problem}


def _problem(path: Path, table: PoolCodes, ref: PoolRef) -> str | None:
    """Return what is wrong with a table beside a manifest, None if nothing is."""
    if len(table) != ref.size:
        return (
            f"they are of {len(table):,} images, and the manifest lists {ref.size:,}; get this "
            "pool's, or make those of a grown pool with: plada pool codes --extend"
        )
    from ..pool.codes import stored_projection

    beside = stored_projection(path)
    if not beside.exists():
        return None  # Clients need none, and have nothing to compare the id with.
    for module in ("safetensors", "threadpoolctl"):
        need(module, extra="ref", for_="plada pool verify")
    from ..codes.projection import Projection

    stated = Projection.read(beside)
    here = table.id_of(len(table)).hex()
    if (stated.images, stated.codes_id) == (len(table), here):
        if stated.pool_id in ("", ref.id.hex()):
            return None
        other, this = stated.pool_id, ref.id.hex()
        return f"they are of pool {other}, and the manifest of {this}; get this pool's."
    return (
        f"their id is {here}, and {str(beside)!r} was written with codes of the id "
        f"{stated.codes_id}; one of the two files is another pool's or damaged, so get both again."
    )
