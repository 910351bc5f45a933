"""Tables of a page that has to fit a phone: there each row becomes a short list."""

from __future__ import annotations

from collections.abc import Sequence

from .markup import Html, element, join


def table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, class_: str = ""
) -> Html:
    """Return a table of which the first column heads the rows.

    Args:
        columns: the headings; one that ends in ``#`` (which is not shown) is over numbers.
        rows: the cells, as many as there are columns. Those that are not `Html` are escaped.
        class_: further classes of the table.
    """
    headings = [column.rstrip("#") for column in columns]
    kinds = ["number" if column.endswith("#") else None for column in columns]
    head = [
        element("th", heading, scope="col", class_=kind)
        for heading, kind in zip(headings, kinds, strict=True)
    ]
    body = []
    for row in rows:
        cells = [element("th", row[0], scope="row")]
        cells += [
            element("td", cell, class_=kind, data_label=heading)
            for cell, heading, kind in zip(row[1:], headings[1:], kinds[1:], strict=True)
        ]
        body.append(element("tr", *cells))
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", join(body, "\n")),
        class_=f"stack {class_}".strip(),
    )


def facts(pairs: Sequence[tuple[str, str]]) -> Html:
    """Return a list of names and what they mean."""
    return element(
        "dl",
        *(part for name, value in pairs for part in (element("dt", name), element("dd", value))),
    )
