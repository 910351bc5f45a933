"""HTML and SVG as Python calls, in which only markup that was made here is not escaped."""

from __future__ import annotations

from collections.abc import Iterable

from pladafmt.text import for_html

_VOID = {"br", "col", "img", "link", "meta"}


class Html(str):
    """Text that is markup already.

    Joined to other text with ``+`` or in an f-string it becomes an ordinary `str` again, which is
    escaped: a mistake shows as visible markup, never as a hole.
    """

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float | None) -> Html:
    """Return an element.

    Args:
        tag: name of the element.
        children: its content in order; what is not `Html` is escaped.
        attributes: escaped too. Underscores become hyphens, and one at the end (``class_``)
            for none; those that are None are left out.
    """
    opening = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{for_html(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{opening}>")
    return Html(f"<{tag}{opening}>{join(children)}</{tag}>")


def join(parts: Iterable[str], separator: str = "") -> Html:
    """Return the parts after each other; what is not `Html` is escaped."""
    return Html(
        separator.join(part if isinstance(part, Html) else for_html(part) for part in parts)
    )
