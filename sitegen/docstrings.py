"""Docstrings on the site: a lone ``::`` before an example is for people who read the source."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Leave the marks of reStructuredText out, which Markdown would show."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Change the docstring of a package, of which `on_object` does not hear."""
        _without_marks(pkg)

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of what is in a package."""
        _without_marks(obj)


def _without_marks(obj: griffe.Object) -> None:
    if obj.docstring is not None:
        obj.docstring.value = re.sub(r"^::\n\n", "", obj.docstring.value, flags=re.MULTILINE)
