"""Options of a command that trains one model: which model, and how."""

from __future__ import annotations

from dataclasses import dataclass

from .model import ModelOptions
from .recipe import RecipeOptions, ShortRecipeOptions


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(RecipeOptions, ModelOptions):
    """A model with all settings of its training."""


@dataclass(frozen=True, kw_only=True)
class ShortTrainingOptions(ShortRecipeOptions, ModelOptions):
    """A model with the settings that a command over several trainings takes."""
