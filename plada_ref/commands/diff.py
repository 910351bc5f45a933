"""``plada diff``: what changed from one version of a task to another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pladafmt import Codes, Mismatch, Payload, loads
from pladafmt.text import for_terminal

from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.address import readable, said
from .options.codes import CodesOption, with_codes
from .options.common import MOST_WHOLE, AsJson, LimitOptions, limits_from, read_whole

if TYPE_CHECKING:
    from ..publishing.difference import Difference

_SHOWN = 100


def _payload(metavar: str) -> Any:
    return typer.Argument(
        metavar=metavar, help="A .plada file.", show_default=False, parser=readable(MOST_WHOLE)
    )


@command
def diff(
    *,
    old: Annotated[Path, _payload("OLD")],
    new: Annotated[Path, _payload("NEW")],
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            "-m",
            metavar="MANIFEST",
            help="The pool's manifest, where it has grown since OLD; codes are found beside it.",
            parser=readable(),
        ),
    ] = None,
    codes: CodesOption = None,
    limit: LimitOptions = None,
    as_json: AsJson = False,
) -> None:
    """Show what changed from OLD to NEW: classes, images and labels by class, metadata.

    Classes are the same where their names are. Images are compared by position, so both files must
    be for the same pool, or for states of the one that --manifest lists. Exit status 0, whether
    they differ or not; --json has "same".

    Example: `plada diff digits-1.plada digits-2.plada`
    """
    if manifest is not None:
        need("pyarrow", extra="pool", for_="plada diff --manifest")
    from ..publishing.difference import compare

    output = Output(as_json=as_json)
    limits = limits_from(limit)

    def read(path: Path) -> Payload:
        data = read_whole(path)

        def load(table: Codes | None) -> Payload:
            return loads(data, limits=limits, codes=table)

        return with_codes(load, codes, manifest)

    before, now = read(old), read(new)
    one_pool = before.pool == now.pool or _served(manifest, before, now)
    found = compare(before, now, one_pool=one_pool)
    output.say(f"old  {for_terminal(said(old))}: {_facts(before)}")
    output.say(f"new  {for_terminal(said(new))}: {_facts(now)}")
    _show(output, found)
    output.result({"old": said(old), "new": said(new)} | found.to_json())


def _served(manifest: Path | None, *payloads: Payload) -> bool:
    """Whether a manifest lists the pools of all payloads, as states of one."""
    if manifest is None:
        return False
    from ..pool import ManifestFile

    listed = ManifestFile(manifest)
    try:
        for payload in payloads:
            listed.serve(payload.pool)
    except Mismatch:
        return False
    return True


def _facts(payload: Payload) -> str:
    return (
        f"{payload.kept:,} images of {payload.class_count:,} classes, pool "
        f"{payload.pool.id.hex()[:16]} of {payload.pool.size:,}"
    )


def _show(output: Output, found: Difference) -> None:
    for what, names in (("added", found.classes_added), ("removed", found.classes_removed)):
        if names:
            shown = ", ".join(for_terminal(name) for name in names[:_SHOWN])
            more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
            output.say(f"classes {what}: {shown}{more}")
    if not found.images:
        output.warn(
            "The files are for different pools, so their images cannot be compared; if one pool "
            "has grown into the other, name its manifest with -m."
        )
    classes = sorted(found.kept.keys() | found.added.keys() | found.removed.keys())
    changed = [each for each in classes if found.added.get(each) or found.removed.get(each)]

    def rows() -> Iterator[tuple[str, ...]]:
        for name in changed:
            counts = (each.get(name, 0) for each in (found.kept, found.added, found.removed))
            yield for_terminal(name), *(f"{count:,}" for count in counts)

    if changed:
        output.listing("Images", ("class", "both", "added", "removed"), rows, right={1, 2, 3})
    for (before, now), count in sorted(found.relabelled.items()):
        output.say(f"relabelled: {count:,} from {for_terminal(before)} to {for_terminal(now)}")
    if found.reweighted:
        output.say(f"another weight: {found.reweighted:,} images")
    for path, (old, new) in found.metadata.items():
        output.say(f"metadata {for_terminal(path)}: {_value(old)} -> {_value(new)}")
    if found.nothing:
        output.say("nothing has changed")


def _value(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return for_terminal(text if len(text) <= 200 else f"{text[:200]}...")
