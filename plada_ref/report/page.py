"""The whole page, in one piece: no script, no request, nothing that is not in the file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from ..runs.run import Run
from .auto import auto_selections
from .leakage import leakage
from .markup import Html, element, join
from .overview import heading, overview, results
from .payloads import payloads
from .reproduce import reproduce
from .thumbnails import Gallery

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(run: Run, galleries: Sequence[Gallery] | None) -> str:
    """Return the HTML document; the same folder gives the same text.

    Args:
        galleries: what `pictures` returned; None without a pool.
    """
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", heading(run)),
        # Otherwise a browser asks the server for /favicon.ico.
        element("link", rel="icon", href="data:,"),
        element("style", Html(style)),
    )
    body = element(
        "body",
        overview(run),
        element(
            "main",
            results(run),
            auto_selections(run),
            leakage(run),
            payloads(run, galleries),
            reproduce(run),
        ),
    )
    return join([Html("<!doctype html>"), element("html", head, body, lang="en")], "\n")
