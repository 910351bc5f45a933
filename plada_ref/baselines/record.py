"""The file ``baselines.json``: settings, and a row for each baseline that is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pladafmt.files import write_whole

from ..errors import Misuse, PipelineError
from .baseline import Baseline

NAME = "baselines.json"


@dataclass(frozen=True)
class Row:
    """One baseline, and how long it took.

    Attributes:
        found: what it gave.
        setting: what tells it from others of the same key, such as ``{"budget": 2000}``.
        seconds: for encoding, training and testing.
    """

    found: Baseline
    setting: dict[str, int | str]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {
            "baseline": self.found.key,
            "name": self.found.name,
            "bytes": self.found.bytes,
            "accuracy": self.found.accuracy,
            "seconds": self.seconds,
            "details": self.found.details,
            "setting": self.setting,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Row:
        """What `to_json` gave."""
        found = Baseline(
            name=str(stored["name"]),
            key=str(stored["baseline"]),
            bytes=int(stored["bytes"]),
            accuracy=float(stored["accuracy"]),
            details=dict(stored["details"]),
        )
        return cls(found, dict(stored["setting"]), float(stored["seconds"]))


class Record:
    """The rows in a folder's ``baselines.json``, which is whole at every moment.

    Args:
        folder: made when needed.
        settings: JSON values of everything that all rows depend on, by name. Names may be added
            later, such as the pool's, on which no earlier row depends.

    Raises:
        Misuse: if the folder holds rows of other settings.
        PipelineError: if the file is damaged.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAME
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))
        self.rows: list[Row] = []
        if self.path.exists():
            self._take_up()

    def find(self, key: str, setting: Mapping[str, int | str]) -> Row | None:
        """The row of a baseline that is done."""
        for row in self.rows:
            if row.found.key == key and row.setting == setting:
                return row
        return None

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows.append(row)
        stored = {"settings": self.settings, "rows": [row.to_json() for row in self.rows]}
        write_whole(self.path, json.dumps(stored, indent=1).encode("utf-8"))

    def _take_up(self) -> None:
        try:
            stored = json.loads(self.path.read_bytes())
            settings = dict(stored["settings"])
            self.rows = [Row.from_json(row) for row in stored["rows"]]
        except (ValueError, TypeError, KeyError) as exc:
            raise PipelineError(
                f"{self.path} is damaged; remove it to have the baselines computed again."
            ) from exc
        other = sorted(
            name
            for name in settings.keys() & self.settings.keys()
            if settings[name] != self.settings[name]
        )
        if other:
            raise Misuse(
                f"{self.path} holds baselines with other settings ({', '.join(other)}); use "
                "another --out, or remove the file."
            )
        self.settings = settings | self.settings
