"""What the search of a rule found, as data that can be written and read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RuleShape:
    """What a rule is made of.

    Attributes:
        columns: codes of an image that it uses.
        levels: values that its weights can have.
    """

    columns: int
    levels: int

    def __str__(self) -> str:
        return f"{self.columns} codes, {self.levels} levels"


@dataclass(frozen=True)
class Trial:
    """A rule that was tried.

    Attributes:
        columns: codes that it uses.
        top: its largest weight.
        per_class: images of each class that were asked for, on average.
        payload_bytes: size of the whole file.
        accuracy: by the judge, 0 to 1.
    """

    columns: int
    top: int
    per_class: int
    payload_bytes: int
    accuracy: float


@dataclass(frozen=True)
class RuleRecord:
    """Which rule was chosen, and everything that it was compared with.

    Attributes:
        columns, top, per_class: as in `Trial`.
        judged_by: ``"task"`` or ``"pool"``, see `Judge`.
        accuracy: of the chosen candidate by the judge, 0 to 1.
        trials: all of them, in the order in which they were tried.
    """

    columns: int
    top: int
    per_class: int
    judged_by: str
    accuracy: float
    trials: tuple[Trial, ...]

    @property
    def shape(self) -> RuleShape:
        """Columns and levels of the chosen rule."""
        return RuleShape(self.columns, 2 * self.top + 1)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self) | {"trials": [asdict(trial) for trial in self.trials]}
