"""What the automatic choice tried for each budget, and what it says of it."""

from __future__ import annotations

from ..runs.folder import RunFolder
from ..runs.records import Candidate, Choice
from .markup import Html, element
from .table import table
from .wording import duration, percent


def choices(run: RunFolder) -> Html:
    """Return the section; empty if no choice has been made."""
    if not run.choices:
        return Html()
    return element(
        "section",
        element("h2", "The automatic choice"),
        element(
            "p",
            "The selection was chosen by labelled images of the target that were held out from "
            "this choice, and by no test image.",
            class_="soft",
        ),
        *(_choice(choice) for choice in run.choices),
    )


def _choice(choice: Choice) -> Html:
    # The best first, and what there was no time for last.
    candidates = sorted(
        choice.candidates,
        key=lambda one: (one.payload_bytes == 0, -one.accuracy, one.payload_bytes),
    )
    chosen = next((one for one in candidates if one.selection == choice.chosen), None)
    return element(
        "article",
        element("h3", f"{choice.budget:,} bytes"),
        element("p", choice.verdict, class_="verdict" if choice.carried else "verdict refused"),
        table(
            f"Candidates, on {choice.held_out_images:,} held-out images; a model taught by the "
            f"target's own images reaches {percent(choice.teacher)} of them, and always naming the "
            f"most frequent class {percent(choice.floor)}",
            ("selection", "kept#", "bytes#", "held-out accuracy#", "time#"),
            [_candidate(candidate, candidate is chosen) for candidate in candidates],
        ),
    )


def _candidate(candidate: Candidate, chosen: bool) -> list[str]:
    name: str = candidate.selection
    if chosen:
        name = element("span", name, " ", element("em", "chosen", class_="badge"))
    tried = candidate.payload_bytes > 0
    return [
        name,
        f"{candidate.kept:,}" if tried else "",
        f"{candidate.payload_bytes:,}" if tried else "",
        f"{percent(candidate.accuracy) if tried else ''} {candidate.note}".strip(),
        duration(candidate.seconds),
    ]
