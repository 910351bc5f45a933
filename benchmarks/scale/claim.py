"""What a part has measured, and what it was to keep to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Claim:
    """A measured figure with its limit.

    Attributes:
        what: what was measured, for people.
        measured: the figure.
        limit: what it may be at most, or at least.
        unit: of both.
        at_least: whether the limit lies below.
    """

    what: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def ratio(self) -> float:
        """The part of the limit that is used; above 1 the limit is broken."""
        used = (self.limit, self.measured) if self.at_least else (self.measured, self.limit)
        return used[0] / used[1] if used[1] else float("inf")

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        shown = {key: _rounded(value) for key, value in asdict(self).items()}
        return {**shown, "ratio": _rounded(self.ratio), "holds": self.ratio <= 1}


@dataclass
class Part:
    """The result of one part.

    Attributes:
        name: as on the command line.
        claims: figures with a limit.
        figures: everything else that was measured, for the JSON line.
        notes: what the reader of the figures has to know.
    """

    name: str
    claims: list[Claim] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {
            "claims": [claim.to_json() for claim in self.claims],
            "figures": self.figures,
            "notes": self.notes,
        }


def table(parts: list[Part]) -> str:
    """The claims of all parts as text, and the notes below."""
    lines = [("part", "what", "measured", "limit", "ratio")]
    for part in parts:
        for claim in part.claims:
            sign = ">=" if claim.at_least else "<="
            lines.append(
                (
                    part.name,
                    claim.what,
                    f"{_short(claim.measured)} {claim.unit}",
                    f"{sign} {_short(claim.limit)} {claim.unit}",
                    f"{claim.ratio:.2f}" + ("" if claim.ratio <= 1 else " !"),
                )
            )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    text += [f"{part.name}: {note}" for part in parts for note in part.notes]
    return "\n".join(text)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
