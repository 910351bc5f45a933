"""``plada pool order``: another order for the same images, and the file that carries it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .exit_codes import command, resumes
from .options.address import readable
from .options.common import MOST_WHOLE, AsJson
from .options.compute import BatchedComputeOptions
from .options.group import OptionGroup
from .options.order import OrderOptions, forget_features, prepare
from .options.out import named, out_option, standing

if TYPE_CHECKING:
    from ..order import Permutation, Savings
    from ..pool import Manifest


@dataclass(frozen=True, kw_only=True)
class NewOrderOptions(OrderOptions):
    """How a semantic order is made, or the file that has it."""

    everyday = frozenset({"model", "weights", "pretrained", "permutation", "apply"})

    apply: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Make the manifest with a permutation that the pool's publisher ships; needs no "
            "model and no images.",
            parser=readable(MOST_WHOLE),
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class WorthOptions(OptionGroup):
    """The payloads whose sizes in both orders are compared."""

    panel = "What it saves"

    scores: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="SCORES",
            help="A score table of the pool in the order of MANIFEST: say how many payloads like "
            "this task's pay for the permutation. May be repeated.",
        ),
    ] = None
    keep_rate: Annotated[
        float, typer.Option(help="The keep rate of those payloads (lowest energy).")
    ] = 0.01


@command
@resumes
def order(
    *,
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            help="The pool's manifest, in any order.",
            show_default=False,
            parser=readable(),
        ),
    ],
    out: Annotated[
        Path,
        out_option("Where to write the new manifest", metavar="MANIFEST"),
    ],
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Where the pool's images are, as for plada pool index. Default: where they were "
            "when the manifest was made. Not with --apply.",
            show_default=False,
        ),
    ] = None,
    semantic: NewOrderOptions,
    payloads: WorthOptions,
    machine: BatchedComputeOptions,
    as_json: AsJson = False,
) -> None:
    """Put a pool in semantic order: images that look alike get positions near each other.

    The order is part of the pool's identity: the new manifest has a new pool id, and payloads are
    made for one or the other. Payloads for a pool in semantic order are smaller, since kept images
    and equal labels come in runs. Clients do not compute the order again (floats differ between
    machines); they get the manifest, or the permutation.

    An interrupted run goes on where it stopped when it is called again.

    Example: `plada pool order pool.parquet 'shards/*.tar' --model tf_efficientnet_lite0 --weights
    lite0.safetensors --img-size 96 -o semantic.parquet --permutation semantic.plada`
    """
    output = Output(as_json=as_json)
    started = time.monotonic()
    permutation = semantic.permutation
    if semantic.apply is not None:
        if sources or semantic.model is not None or permutation is not None or payloads.scores:
            raise Misuse(
                "--apply takes the order from the file; leave SOURCES, --model, --permutation and "
                "--scores out."
            )
        facts = _apply(manifest, semantic.apply, out, output)
    else:
        prepare("plada pool order")
        semantic.settings()  # Refuses what cannot be made before anything is opened.
        from ..labelling.scores import ScoreTable
        from ..order import measure_savings
        from ..pool import Manifest, open_remembered, open_source

        old = Manifest.read(manifest)
        source = open_source(sources) if sources else open_remembered(manifest)
        tables = [(str(path), ScoreTable.read(path)) for path in payloads.scores or []]
        with standing(out) as file:
            found = semantic.permutation_of(old, source, out=file, compute=machine.compute(output))
            new = found.apply(old)
            new.write(file)
        size = found.write(permutation) if permutation is not None else len(found.encoded())
        forget_features(file)
        facts = report(output, new, out, found, size, permutation)
        facts["worth"] = []
        for name, table in tables:
            saved = measure_savings(found, old, table, payloads.keep_rate, permutation_bytes=size)
            facts["worth"].append(_tell(output, saved, name))
    _remember(manifest, sources, out)
    facts["seconds"] = round(time.monotonic() - started, 3)
    output.result(facts)


def report(
    output: Output,
    manifest: Manifest,
    out: Path,
    found: Permutation,
    size: int,
    permutation: Path | None,
) -> dict[str, Any]:
    """Say what was made, and return it as an object."""
    per_image = size / max(1, len(manifest))
    output.say(f"pool id  {manifest.pool.id.hex()}")
    output.say(f"in key order, the pool is {found.base.id.hex()}")
    output.say(
        f"permutation {size:,} bytes ({per_image:.2f} per image)"
        + (f": {permutation}" if permutation is not None else "; --permutation writes it")
    )
    output.say(f"manifest {named(out)}")
    return {
        "pool_id": manifest.pool.id.hex(),
        "key_pool_id": found.base.id.hex(),
        "images": len(manifest),
        "order": manifest.order,
        "order_made_by": dict(found.made_by),
        "manifest": named(out),
        "permutation": None if permutation is None else str(permutation),
        "permutation_bytes": size,
    }


def _apply(manifest: Path, file: Path, out: Path, output: Output) -> dict[str, Any]:
    for module in ("pyarrow", "fsspec", "PIL"):
        need(module, extra="pool", for_="plada pool order")
    from ..order import Permutation
    from ..pool import Manifest

    old = Manifest.read(manifest)
    found = Permutation.read(file, images=len(old))
    new = found.apply(old)
    new.write(out)
    return report(output, new, out, found, file.stat().st_size, file)


def _remember(manifest: Path, sources: list[str] | None, out: Path) -> None:
    """Write beside the new manifest where the images are, if that is known."""
    from ..pool import remember, remembered
    from ..pool.sources_file import stored_sources

    if not sources and stored_sources(manifest).exists():
        sources = remembered(manifest)
    if sources:
        remember(out, sources)


def _tell(output: Output, found: Savings, name: str) -> dict[str, Any]:
    """Say after how many payloads the permutation has paid, and return it as an object."""
    output.say(
        f"{name}: {100 * found.keep_rate:g} % kept takes {found.key_bytes:,} bytes in key order "
        f"and {found.ordered_bytes:,} in this one (both dense)"
    )
    if found.break_even is None:
        output.say("  this order saves nothing here, so no number of such payloads pays for it")
    else:
        output.say(
            f"  {found.saved:,} bytes saved: the permutation has paid after "
            f"{found.break_even:,} such payloads"
        )
    return {
        "scores": name,
        "keep_rate": found.keep_rate,
        "key_bytes": found.key_bytes,
        "ordered_bytes": found.ordered_bytes,
        "saved": found.saved,
        "break_even_payloads": found.break_even,
    }
