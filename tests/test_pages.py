"""The pages name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("plada_ref", "pladafmt", "conformance", "benchmarks", "tests", "docs", "spec", "recipes")
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "README.md", "docs/*.md", "conformance/*.md")
FILES = [str(path) for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")]
FILES += map(str, ROOT.iterdir())


def _missing(text: str) -> set[str]:
    """Files that the text names and that are not there; a name may lack its folders."""
    named = set(re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|c|js|sh))`", text))
    ours = "|".join(FOLDERS)
    named |= set(re.findall(rf"`((?:{ours})/(?:[\w.-]+/)*[\w-]+\.(?:md|json))`", text))
    return {name for name in named if not any(file.endswith(f"/{name}") for file in FILES)}


@pytest.mark.parametrize("page", sorted(path for glob in PAGES for path in ROOT.glob(glob)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    assert {name for name in _missing(text) if "NAME" not in name} == set()


def test_a_missing_file_would_be_found() -> None:
    assert _missing("`tests/nothing_here.py`") == {"tests/nothing_here.py"}
