"""How much of the test the pool gives away."""

from __future__ import annotations

from ..runs.run import Run
from .markup import Html, element
from .wording import percent


def leakage(run: Run) -> Html:
    """Return the section; without a measurement it says how to make one."""
    found = run.leakage
    if found is None:
        body = element(
            "p",
            "It has not been measured whether the pool holds test images. ",
            element("code", "plada leakage --task TASK -m MANIFEST --pool SOURCE"),
            " does.",
        )
    elif not found.exact + found.near:
        body = element(
            "p",
            f"None of the {found.test_images:,} test images was found among the "
            f"{found.pool_images:,} pool images, neither pixel by pixel nor nearly: ",
            element("strong", percent(found.fraction)),
            ".",
        )
    else:
        both = found.exact + found.near
        body = element(
            "p",
            element("strong", f"{percent(found.fraction)} of the test images"),
            f" are in the pool as well: {both:,} of {found.test_images:,}, {found.exact:,} of them "
            f"pixel by pixel and {found.near:,} nearly, among {found.pool_images:,} pool images. "
            "A student may have learned from them.",
        )
    return element("section", element("h2", "Leakage"), body)
