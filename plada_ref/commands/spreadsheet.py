"""Cells of CSV files that a spreadsheet would take for formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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

    def cells(self, column: Iterable[str]) -> Iterator[str]:
        """Yield the cells of a column of texts, none of them a formula."""
        return map(self._cell, column)

    def names(self, names: Sequence[str], cells: Sequence[int]) -> list[str]:
        """Return names for a column in which each stands in so many cells, none a formula."""
        safe = [for_spreadsheet(name) for name in names]
        for name, plain, count in zip(names, safe, cells, strict=True):
            self.changed += count if plain is not name else 0
        return safe

    def _cell(self, cell: str) -> str:
        safe = for_spreadsheet(cell)
        self.changed += safe is not cell
        return safe

    def tell(self, progress: Progress) -> None:
        """Say how many cells were changed, if any."""
        if self.changed:
            cells = "1 cell begins" if self.changed == 1 else f"{self.changed:,} cells begin"
            progress.warn(f"{cells} like a formula of a spreadsheet, so a ' was put before.")
