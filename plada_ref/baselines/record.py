"""The file ``baselines.json``: settings, and a row for each baseline that is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pladafmt.files import write_whole

from ..errors import Misuse
from ..runs.fields import Fields
from ..runs.folder import RunFolder
from .baseline import Baseline


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
        self.path = RunFolder(folder).baselines
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))
        self.rows: list[Baseline] = []
        if self.path.exists():
            self._take_up()

    def find(self, key: str, setting: Mapping[str, int | str]) -> Baseline | None:
        """The row of a baseline that is done."""
        for row in self.rows:
            if row.key == key and row.setting == setting:
                return row
        return None

    def add(self, row: Baseline) -> None:
        """Keep a row."""
        self.rows.append(row)
        stored = {"settings": self.settings, "rows": [row.to_json() for row in self.rows]}
        write_whole(self.path, json.dumps(stored, indent=1).encode("utf-8"))

    def _take_up(self) -> None:
        stored = Fields.read(self.path)
        settings = stored.inner("settings").value
        self.rows = [Baseline.of(row) for row in stored.items("rows")]
        other = sorted(
            name
            for name in settings.keys() & self.settings.keys()
            if settings[name] != self.settings[name]
        )
        if other:
            raise Misuse(
                f"{self.path} holds baselines with other settings or of other images "
                f"({', '.join(other)}); use another --out, or remove the file."
            )
        self.settings = settings | self.settings
