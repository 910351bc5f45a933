"""``plada fetch``: a task that somebody publishes, checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pladafmt import Codes, Payload, loads

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.address import readable
from .options.common import AsJson, LimitOptions, limits_from
from .options.out import a_folder
from .options.signature import SignedByOption, public_keys
from .tasks import SiteAddress

if TYPE_CHECKING:
    from ..publishing.fetch import FetchedTask
    from ..publishing.names import Version
    from ..publishing.site import Site


@command
def fetch(
    *,
    address: SiteAddress,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TASK...]",
            help="Tasks by name, or NAME@VERSION. Default: newer versions of the tasks that FOLDER "
            "has, or the only task that is published.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Where tasks/ and pools/ are kept; made if it is not there.",
            callback=a_folder,
            show_default=False,
        ),
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            "-m",
            metavar="MANIFEST",
            help="The pool's manifest, if it is here already: no pool is fetched.",
            parser=readable(),
        ),
    ] = None,
    limit: LimitOptions = None,
    require_signed_by: SignedByOption = None,
    as_json: AsJson = False,
) -> None:
    """Get a task and its pool's manifest, and check them: size, digest, signature, pool, version.

    What is here with the same bytes is not fetched again. A version older than one that FOLDER has
    is refused, unless NAME@VERSION asks for it. Images are not fetched: plada train gets those that
    it needs.

    Example: `plada fetch https://example.org/tasks digits -o here --require-signed-by
    publisher.pub`
    """
    need("fsspec", extra="remote", for_="plada fetch")
    need("pyarrow", extra="pool", for_="plada fetch")
    from ..publishing.fetch import choose, fetch_task
    from ..publishing.site import Site

    output = Output(as_json=as_json)
    limits = limits_from(limit)
    keys = list(public_keys(require_signed_by, for_="plada fetch --require-signed-by"))

    def read(data: bytes, codes: Codes | None) -> Payload:
        if not require_signed_by:
            return loads(data, limits=limits, codes=codes)
        from pladafmt.signature import verify

        return verify(data, keys, limits=limits, codes=codes)

    site = Site(address)
    wanted = [choose(site, out, *each) for each in _wanted(site, names or [], out)]
    fetched = []
    for task in wanted:
        before = site.bytes
        found = fetch_task(site, task, out, read, manifest=manifest, progress=output)
        _tell(output, found, site.bytes - before, bool(require_signed_by))
        fetched.append(_as_json(found, site.bytes - before))
    output.result({"index": site.place, "bytes": site.bytes, "tasks": fetched})


def _wanted(site: Site, names: list[str], out: Path) -> list[tuple[str, Version | None]]:
    """Return the tasks that are asked for, each with its version, None for the newest."""
    from ..publishing.folder import tasks_here
    from ..publishing.names import Version, check_name

    found: list[tuple[str, Version | None]] = []
    try:
        for text in names:
            name, at, version = text.partition("@")
            found.append((check_name(name), Version.of(version) if at else None))
    except ValueError as exc:
        raise Misuse(f"{exc}.") from exc
    if found:
        return found
    offered = site.index.names
    here = [name for name in tasks_here(out) if name in offered]
    if here or len(offered) == 1:
        return [(name, None) for name in here or offered]
    if not offered:
        raise Misuse(f"{site.place!r} offers no tasks.")
    raise Misuse(f"Name the tasks to fetch; {site.place!r} offers {', '.join(offered[:20])}.")


def _tell(output: Output, found: FetchedTask, size: int, verified: bool) -> None:
    task = found.task
    how = "signature verified" if verified else "its signature is not checked"
    if not task.signed_by and not verified:
        how = "not signed"
    what = f"fetched, {size:,} bytes with its pool's manifest" if found.new else "here already"
    output.say(f"{task.name} {task.version}: {what}; {how}")
    beside = "MANIFEST" if found.manifest is None else found.manifest
    output.say(f"  plada train {found.payload} -m {beside} --model MODEL -o student.safetensors")
    if found.manifest is None:
        output.say(f"  its pool {task.pool} is not published there: use a manifest of your own")


def _as_json(found: FetchedTask, size: int) -> dict[str, Any]:
    return {
        "name": found.task.name,
        "version": found.task.version.text,
        "new": found.new,
        "bytes": size,
        "payload": str(found.payload),
        "manifest": None if found.manifest is None else str(found.manifest),
    }
