"""The pages of the Python API: a directive of mkdocstrings for each public name."""

from __future__ import annotations

import ast

from .pages import ROOT

PACKAGES = ("pladafmt", "plada_ref")


def page(package: str) -> str:
    """All that a package exports, in the order of its ``__all__``, as Markdown."""
    names = [name for name in exported(package) if not name.startswith("_")]
    options = "\n".join(f"        - {name}" for name in names)
    return f"# `{package}`\n\n::: {package}\n    options:\n      members:\n{options}\n"


def exported(package: str) -> list[str]:
    """The names in ``__all__``, read without importing the package."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(each) for each in ast.literal_eval(node.value)]
    raise LookupError(f"{package}/__init__.py has no __all__")
