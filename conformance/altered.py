"""A plain program whose text was changed, as a module of its own."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType


def text_of(program: str) -> str:
    """Return the text of a plain program, such as ``plain_decoder``."""
    return (Path(__file__).parent / f"{program}.py").read_text("utf-8")


def module_of(program: str, source: str | ast.Module, change: str) -> ModuleType:
    """Return a changed program as a module.

    Args:
        program: the program's name.
        source: its changed text, or the tree of that.
        change: a few words, which name the module.

    Raises:
        Exception: whatever the changed program raises where it is loaded.
    """
    package = __package__
    name = f"{package}.{program}_with_{change.replace('-', '_').replace(' ', '_')}"
    module = ModuleType(name)
    module.__package__ = package
    sys.modules[name] = module  # where dataclasses look their module up
    exec(compile(source, f"<{program} with {change}>", "exec"), vars(module))
    return module
