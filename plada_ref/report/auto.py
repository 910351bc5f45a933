"""What the automatic selection tried for each budget, and its verdict."""

from __future__ import annotations

from collections.abc import Sequence

from ..runs.run import Run
from ..selection.auto_record import AutoSelection, Candidate, regrets
from ..selection.students import FINETUNE, HEAD, SCRATCH
from .markup import Html, element
from .table import table
from .wording import duration, percent

_KINDS = {HEAD: "held-out accuracy", FINETUNE: "fine-tuned", SCRATCH: "from scratch"}
"""What the accuracies of each kind of student are called."""


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
    tried = [one for one in auto.candidates if not one.note]
    regret = dict(zip(map(id, tried), regrets(tried, auto.kinds), strict=True))
    candidates = sorted(
        auto.candidates,
        key=lambda one: (bool(one.note), regret.get(id(one), 0.0), one.payload_bytes),
    )
    kinds = (HEAD, *(kind for kind in auto.kinds if kind != HEAD))
    named = [one for one in tried if one.selection == auto.chosen]
    # Of the whole budget or of a part: made again, a payload has nearly as many bytes.
    chosen = min(named, key=lambda one: abs(one.payload_bytes - auto.payload_bytes), default=None)
    headings = (*(_KINDS[kind] for kind in kinds), "made again", "time")
    return element(
        "article",
        element("h3", f"{auto.budget:,} bytes"),
        element("p", auto.verdict, class_="verdict" if auto.carried else "verdict refused"),
        table(
            f"Candidates, on {auto.held_out_images:,} held-out images; a model taught by the "
            f"target's own images reaches {percent(auto.held_out_teacher)} of them, the "
            f"majority-class baseline {percent(auto.floor)}",
            ("selection", "kept#", "bytes#", *(f"{heading}#" for heading in headings)),
            [_candidate(candidate, candidate is chosen, kinds) for candidate in candidates],
        ),
    )


def _candidate(candidate: Candidate, chosen: bool, kinds: Sequence[str]) -> list[str]:
    name: str = candidate.name
    if chosen:
        name = element("span", name, " ", element("em", "chosen", class_="badge"))
    if candidate.note:
        return [name, "", "", candidate.note, *("" for _ in kinds), duration(candidate.seconds)]
    return [
        name,
        f"{candidate.kept:,}",
        f"{candidate.payload_bytes:,}",
        *(percent(candidate.accuracy(kind)) for kind in kinds),
        "" if candidate.again is None else percent(candidate.again),
        duration(candidate.seconds),
    ]
