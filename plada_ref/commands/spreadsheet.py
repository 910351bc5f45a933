"""Cells of CSV files that a spreadsheet would take for formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pladafmt.text import for_spreadsheet

from ..compute.progress import Progress


class SafeCells:
    """Makes cells that a spreadsheet would take for formulas plain text, and counts them."""

    def __init__(self) -> None:
        self.changed = 0

    def rows(self, rows: Iterable[tuple[object, ...]]) -> Iterator[list[object]]:
        """Yield each row with no cell that is a formula."""
        for row in rows:
            yield [self._cell(cell) if isinstance(cell, str) else cell for cell in row]

    def _cell(self, cell: str) -> str:
        safe = for_spreadsheet(cell)
        self.changed += safe is not cell
        return safe

    def tell(self, progress: Progress) -> None:
        """Say how many cells were changed, if any."""
        if self.changed:
            cells = "1 cell begins" if self.changed == 1 else f"{self.changed:,} cells begin"
            progress.warn(f"{cells} like a formula of a spreadsheet, so a ' was put before.")
