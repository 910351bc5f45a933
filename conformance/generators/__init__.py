"""The generators of all vectors, one module for each area of the specification."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ..vector import REGISTRY, Vector


def load() -> dict[str, Vector]:
    """Import every module of this package and return all vectors by id."""
    for module in sorted(each.name for each in iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
    return REGISTRY
