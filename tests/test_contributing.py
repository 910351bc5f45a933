"""CONTRIBUTING.md names files that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FOLDERS = ("plada_ref", "pladafmt", "conformance", "benchmarks", "tests", "docs", "spec")


def test_every_file_that_is_named_exists() -> None:
    """A name without its whole path is that of a file below the folders of the repository."""
    named = set(re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|json|c|js))`", PAGE))
    assert len(named) > 30
    files = [str(path) for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")]
    files += map(str, ROOT.iterdir())
    missing = [name for name in named if not any(file.endswith(f"/{name}") for file in files)]
    assert {name for name in missing if "NAME" not in name} == set()
