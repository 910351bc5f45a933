"""``plada tasks``: what somebody publishes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from pladafmt.text import for_terminal

from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.common import AsJson

SiteAddress = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS",
        help="Where plada-index.json is: the address of its folder (https://, s3://, gs://, "
        "hf://), or a folder of this computer.",
        show_default=False,
    ),
]


@command
def tasks(address: SiteAddress, as_json: AsJson = False) -> None:
    """List the tasks that are published at ADDRESS: name, version, size, pool.

    All of it is what the publisher says; plada fetch checks it.

    Example: `plada tasks https://example.org/tasks`
    """
    need("fsspec", extra="remote", for_="plada tasks")
    need("pyarrow", extra="pool", for_="plada tasks")
    from ..publishing.site import Site

    output = Output(as_json=as_json)
    site = Site(address)

    def rows() -> Iterator[tuple[str, ...]]:
        for task in site.index.tasks:
            yield (
                task.name,
                task.version.text,
                f"{task.classes:,}",
                f"{task.kept:,}",
                f"{task.files['payload'].bytes:,}",
                task.pool[:16],
                task.signed_by or "-",
                for_terminal(task.date) or "-",
                for_terminal(task.licence) or "-",
            )

    if site.index.tasks:
        headings = ("task", "version", "classes", "images", "bytes", "pool", "signed by", "date")
        output.listing("Tasks", (*headings, "licence"), rows, right={1, 2, 3, 4})
    else:
        output.say("no tasks are published there")
    for pool in site.index.pools:
        size = pool.files["manifest"].bytes
        name = f" ({for_terminal(pool.name)})" if pool.name else ""
        output.say(
            f"pool {pool.id[:16]}{name}: {pool.size:,} images, manifest of {size:,} bytes; images: "
            f"{for_terminal(pool.obtain) or 'fetched as they are needed'}"
        )
    output.result(
        {
            "index": site.place,
            "tasks": [task.to_json() for task in site.index.tasks],
            "pools": [pool.to_json() for pool in site.index.pools],
        }
    )
