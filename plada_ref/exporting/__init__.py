"""Trained models for programs that know neither plada nor timm."""

from __future__ import annotations

from .export import Exported, export
from .formats import FORMATS

__all__ = ["FORMATS", "Exported", "export"]
