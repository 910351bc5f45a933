"""One part of the page for each payload: its bytes, its classes, its images."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..images import ImagePool
from ..runs.run import PayloadFile, Run, Student
from .byte_owners import byte_bar, part_table
from .classes import WITH_IMAGES, class_table, shown_classes
from .markup import Html, element
from .table import facts
from .thumbnails import PER_CLASS, Gallery, galleries
from .wording import percent, title

SHOWN = 40
"""Payloads that the page shows at most."""
MAX_IMAGE_BYTES = 2_200_000
"""Bytes of the page that pictures take at most."""
_METADATA = 2_000
"""Characters of a payload's metadata that are shown at most."""


def pictures(run: Run, pool: ImagePool) -> list[Gallery]:
    """Return pictures of kept images for the payloads that a page shows, in their order.

    Raises:
        Mismatch: if `pool` is not the one that the payloads refer to.
        PipelineError: if an image cannot be read or is not the one that the manifest lists.
    """
    shown = [file.payload for _, file in run.payloads[:SHOWN]]
    return galleries(shown, pool, shown_classes(run)[:WITH_IMAGES], MAX_IMAGE_BYTES)


def payloads(run: Run, galleries: Sequence[Gallery] | None) -> Html:
    """Return the section.

    Args:
        galleries: what `pictures` returned; None without a pool.
    """
    classes = shown_classes(run)
    shown = run.payloads[:SHOWN]
    articles = [
        _article(number, student, file, run, classes, galleries)
        for number, (student, file) in enumerate(shown)
    ]
    notes = [_about_images(galleries)]
    if len(shown) < len(run.payloads):
        notes.append(
            f"Shown are {SHOWN} of {len(run.payloads):,} payloads; plada inspect shows any."
        )
    without_codes = sum(student.lacks_codes for student in run.students)
    if without_codes:
        notes.append(
            element(
                "span",
                f"{without_codes:,} payloads of the table above keep images by a rule over the "
                "pool's codes, which this report was made without. ",
                element("code", "plada report RUN --codes FILE"),
                " shows them.",
            )
        )
    gone = len(run.students) - len(run.payloads) - without_codes
    if gone:
        notes.append(f"{gone:,} payloads of the table above are not in the folder.")
    return element(
        "section",
        element("h2", "What the payloads hold"),
        *(element("p", note, class_="soft") for note in notes),
        *articles,
    )


def _about_images(galleries: Sequence[Gallery] | None) -> str | Html:
    if galleries is None:
        return element(
            "span",
            "The kept images are in the pool, which this report was made without. ",
            element("code", "plada report RUN -m MANIFEST --pool SOURCE"),
            " shows some of them.",
        )
    text = (
        f"Of each class up to {PER_CLASS} kept images are shown, evenly spaced in the pool's order "
        "and verified against its manifest."
    )
    if any(gallery.cut for gallery in galleries):
        text += " Some are left out to keep this page small."
    unreadable = sum(gallery.unreadable for gallery in galleries)
    if unreadable:
        text += f" {unreadable:,} are left out since they do not decode."
    return text


def _article(
    number: int,
    student: Student,
    file: PayloadFile,
    run: Run,
    classes: list[int],
    galleries: Sequence[Gallery] | None,
) -> Html:
    payload = file.payload
    return element(
        "article",
        element("h3", title(student.record)),
        element(
            "p",
            f"{payload.kept:,} of {payload.pool.size:,} images in {file.report.size:,} bytes; the "
            f"student reached {percent(student.record.accuracy)}.",
        ),
        byte_bar(file.report),
        class_table(payload, run, classes, galleries[number] if galleries else None),
        element(
            "details",
            element("summary", f"Byte map of {student.name}.plada"),
            facts(_about(file)),
            part_table(file.report),
        ),
        id=f"payload-{number + 1}",
    )


def _about(file: PayloadFile) -> list[tuple[str, str]]:
    known = file.report.facts
    signed = known["signed_by"]
    about = [
        ("features", str(known["features"]) or "none"),
        ("signature", f"key {signed}, not checked here" if signed else "none"),
        ("content id", element("code", known["content_id"])),
    ]
    if file.payload.metadata:
        text = json.dumps(file.payload.metadata, ensure_ascii=False)
        cut = f" … and {len(text) - _METADATA:,} more characters" if len(text) > _METADATA else ""
        about.append(("metadata", element("code", text[:_METADATA] + cut)))
    return about
