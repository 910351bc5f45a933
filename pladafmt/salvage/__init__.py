"""Salvage: from a damaged file a valid one with every block that is whole, and what was lost."""

from .gather import LISTED, Refused
from .rebuild import CLASS_COUNTS, MARK, Salvaged, salvage

__all__ = ["CLASS_COUNTS", "LISTED", "MARK", "Refused", "Salvaged", "salvage"]
