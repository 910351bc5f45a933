"""What a selection does to the classes: pseudo-labels in the pool, kept images, and the images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pladafmt import Payload

from ..runs.run import Run
from .markup import Html, element, join
from .thumbnails import Gallery, Thumbnail
from .wording import percent

ALL = 40
"""Classes up to which every one is shown."""
WITH_IMAGES = 20
"""Classes whose images are shown at most."""

Counts = npt.NDArray[np.int64]


def shown_classes(run: Run) -> list[int]:
    """Return the numbers of the classes that a page shows: all, or the most and least frequent.

    Frequent is what has many pseudo-labels in the pool, or, without a score table, many kept
    images.
    """
    counts = np.zeros(0, dtype=np.int64)
    if run.scores is not None:
        counts = run.scores.histogram()
    elif run.payloads:
        counts = _kept(run.payloads[0][1].payload)
    if counts.size <= ALL:
        return list(range(counts.size))
    order = np.argsort(-counts, kind="stable")
    return [int(label) for label in (*order[: ALL // 2], *order[-ALL // 2 :])]


def class_table(payload: Payload, run: Run, shown: list[int], gallery: Gallery | None) -> Html:
    """Return the table of a payload's classes, one row each, with their images if there are any."""
    kept = _kept(payload)
    supply = None if run.scores is None else run.scores.histogram()
    names = payload.class_names if run.scores is None else run.scores.classes
    before = np.zeros(kept.size) if supply is None else supply / max(supply.sum(), 1)
    after = kept / max(kept.sum(), 1)
    shown = [label for label in shown if label < kept.size]
    longest = max((float(max(before[label], after[label])) for label in shown), default=1.0) or 1.0
    rows = []
    for label in shown:
        cells = [
            element("th", names[label], scope="row"),
            element("td", *_bars(before[label] / longest, after[label] / longest), class_="bars"),
        ]
        if supply is not None:
            cells.append(_number("pool", int(supply[label]), float(before[label])))
        cells.append(_number("kept", int(kept[label]), float(after[label])))
        if gallery is not None:
            pictures = gallery.classes.get(label, ())
            cells.append(element("td", *(_picture(one, names[label]) for one in pictures)))
        rows.append(element("tr", *cells, class_=None if kept[label] else "lost"))
    headings = [element("th", "class", scope="col"), element("th", "share", scope="col")]
    if supply is not None:
        headings.append(element("th", "pool", scope="col", class_="number"))
    headings.append(element("th", "kept", scope="col", class_="number"))
    if gallery is not None:
        headings.append(element("th", "kept images", scope="col"))
    whole = element(
        "table",
        element("caption", _caption(supply is not None)),
        element("thead", element("tr", *headings)),
        element("tbody", join(rows, "\n")),
        class_="classes",
    )
    return join([whole, *_left_out(kept, len(shown))])


def _kept(payload: Payload) -> Counts:
    return np.bincount(payload.labels, minlength=payload.class_count)


def _caption(with_pool: bool) -> str:
    if with_pool:
        return "Classes before and after: pseudo-labels of the pool (pale), kept images (full)"
    return "Kept images of each class; without scores.parquet the pool's are not known"


def _bars(before: float, after: float) -> list[Html]:
    return [
        element("i", class_=name, style=f"width:{100 * share:.2f}%", aria_hidden="true")
        for name, share in (("before", before), ("after", after))
    ]


def _number(what: str, number: int, share: float) -> Html:
    return element(
        "td",
        element("span", f"{number:,} ", element("small", percent(share, 1))),
        class_="number",
        data_label=what,
    )


def _picture(one: Thumbnail, name: str) -> Html:
    text = f"{name}, position {one.position:,}"
    return element("img", src=one.uri, alt=text, title=text)


def _left_out(kept: Counts, shown: int) -> list[Html]:
    if shown == kept.size:
        return []
    return [
        element(
            "p",
            f"Shown are {shown} of {kept.size:,} classes, the most and the least frequent in the "
            f"pool. Kept images of a class: {kept.min():,} at least, {int(np.median(kept)):,} in "
            f"the middle, {kept.max():,} at most; {int((kept == 0).sum()):,} classes have none.",
            class_="soft",
        )
    ]
