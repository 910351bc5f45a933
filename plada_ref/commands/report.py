"""``plada report``: one page about a transfer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pladafmt.files import write_whole
from pladafmt.text import for_terminal

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.codes import CodesOption, find_codes
from .options.common import AsJson
from .options.out import named, out_option
from .options.pool import OptionalPoolOptions


@command
def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="A folder made by plada transfer --out.", show_default=False
        ),
    ],
    local: OptionalPoolOptions,
    codes: CodesOption = None,
    out: Annotated[
        Path | None,
        out_option("The page; RUN/report.html by default", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a page about a transfer: accuracy against bytes, classes, images, bytes, settings.

    The page is one HTML file that needs nothing else: no script, no network. It shows what is in
    RUN; what `plada baselines`, `plada leakage` and the automatic selection found is shown if it
    is there. What a payload keeps by a rule is shown with the pool's codes, which lie beside the
    manifest or are named.

    Example: `plada report run -m pool.parquet -o report.html`
    """
    for module in ("torch", "timm", "pyarrow", "PIL", "fsspec"):
        need(module, for_="plada report")
    from ..report import Run, page, pictures

    manifest = local.listed if local.given else None
    output = Output(as_json=as_json)
    target = out or run / "report.html"
    if manifest is None and _shows_images(target):
        raise Misuse(
            f"{target} shows images of the pool, and the new page would not: give the pool's "
            "--manifest again, or choose another --out."
        )
    found = Run.read(run)
    if any(student.lacks_codes for student in found.students):
        found = Run.read(run, find_codes(codes, manifest)[0])
    galleries = None
    if manifest is not None:
        galleries = pictures(found, local.open())
    data = page(found, galleries).encode("utf-8")
    write_whole(target, data)
    unread = sum(student.lacks_codes for student in found.students)
    if unread:
        output.warn(
            f"{unread:,} of the payloads are rules over the pool's codes, and what they keep is "
            "not shown: give --codes, or --manifest where the codes lie beside."
        )
    output.say(
        f"{for_terminal(named(target))}: {len(data):,} bytes, {len(found.students)} students, "
        f"{len(found.baselines)} baselines"
    )
    output.result(
        {
            "page": named(target),
            "bytes": len(data),
            "students": len(found.students),
            "baselines": len(found.baselines),
            "images": sum(gallery.images for gallery in galleries or ()),
        }
        | ({"without_codes": unread} if unread else {})
    )


def _shows_images(page: Path) -> bool:
    """Whether there is a page with pictures already."""
    from ..report.thumbnails import PICTURE

    return page.is_file() and PICTURE.encode() in page.read_bytes()
