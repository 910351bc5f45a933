"""What the automatic selection tried for each budget, and its verdict."""

from __future__ import annotations

from ..runs.run import Run
from ..selection.auto_record import AutoSelection, Candidate
from .markup import Html, element
from .table import table
from .wording import duration, percent


def auto_selections(run: Run) -> Html:
    """Return the section; empty if there was none."""
    if not run.autos:
        return Html()
    return element(
        "section",
        element("h2", "The automatic selection"),
        element(
            "p",
            "The selection was chosen by labelled images of the target that were held out for it, "
            "and by no test image.",
            class_="soft",
        ),
        *(_article(auto) for auto in run.autos),
    )


def _article(auto: AutoSelection) -> Html:
    # The best first, and what there was no time for last.
    candidates = sorted(
        auto.candidates,
        key=lambda one: (one.payload_bytes == 0, -one.held_out_accuracy, one.payload_bytes),
    )
    chosen = next((one for one in candidates if one.selection == auto.chosen), None)
    return element(
        "article",
        element("h3", f"{auto.budget:,} bytes"),
        element("p", auto.verdict, class_="verdict" if auto.carried else "verdict refused"),
        table(
            f"Candidates, on {auto.held_out_images:,} held-out images; a model taught by the "
            f"target's own images reaches {percent(auto.held_out_teacher)} of them, the "
            f"majority-class baseline {percent(auto.floor)}",
            ("selection", "kept#", "bytes#", "held-out accuracy#", "time#"),
            [_candidate(candidate, candidate is chosen) for candidate in candidates],
        ),
    )


def _candidate(candidate: Candidate, chosen: bool) -> list[str]:
    name: str = candidate.name
    if chosen:
        name = element("span", name, " ", element("em", "chosen", class_="badge"))
    tried = candidate.payload_bytes > 0
    return [
        name,
        f"{candidate.kept:,}" if tried else "",
        f"{candidate.payload_bytes:,}" if tried else "",
        f"{percent(candidate.held_out_accuracy) if tried else ''} {candidate.note}".strip(),
        duration(candidate.seconds),
    ]
