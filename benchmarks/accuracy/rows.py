"""Results, one line of JSON each: an interrupted run goes on after its last line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One accuracy that was measured.

    Attributes:
        task: name.
        seed: of the held-out split, random selections and training.
        kind: ``rule``, ``auto``, ``baseline`` or ``teacher``; or a kind of students, see
            `benchmarks.accuracy.students`.
        name: of the rule or baseline.
        budget: bytes that were allowed; 0 where there is no limit.
        bytes: that were needed.
        accuracy: top-1 on the test images, 0 to 1.
        details: anything else.
    """

    task: str
    seed: int
    kind: str
    name: str
    budget: int
    bytes: int
    accuracy: float
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """What is measured once."""
        return self.task, self.seed, self.kind, self.name, self.budget


class Rows:
    """The rows in a file.

    Args:
        path: made when needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self._rows = {row.key: row for row in (Row(**json.loads(line)) for line in lines)}

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def has(self, key: tuple[str, int, str, str, int]) -> bool:
        """Whether there is a row of this key."""
        return key in self._rows

    def once(
        self, task: str, seed: int, kind: str, name: str, budget: int, make: Callable[[], Row]
    ) -> Row:
        """The row of this key; made and stored if it is not there."""
        key = (task, seed, kind, name, budget)
        if key not in self._rows:
            row = make()
            assert row.key == key
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")
            self._rows[key] = row
            print(
                f"{task} seed {seed} {kind} {name} at {budget:,}: {row.bytes:,} bytes, "
                f"{100 * row.accuracy:.2f} %",
                flush=True,
            )
        return self._rows[key]
