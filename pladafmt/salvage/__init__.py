"""Salvage: from a damaged file a valid one with every block that is whole, and what was lost."""

from .gather import LISTED, Refused
from .losses import CLASS_COUNTS
from .outcome import Salvaged
from .rebuild import MARK, salvage

__all__ = ["CLASS_COUNTS", "LISTED", "MARK", "Refused", "Salvaged", "salvage"]
