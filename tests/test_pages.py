"""The pages name files that exist, and the lists of CONTRIBUTING.md name all that they should."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_type_hints

import pytest

from plada_ref.commands.options.selection import SelectionOptions
from plada_ref.optional import DISTRIBUTION
from plada_ref.selection import RANKINGS

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


def test_every_ranking_is_in_the_documentation_and_in_the_help() -> None:
    page = (ROOT / "docs" / "selection.md").read_text("utf-8")
    option = get_type_hints(SelectionOptions, include_extras=True)["by"].__metadata__[0]
    words = set(re.findall(r"[a-z-]+", option.help))
    assert {name for name in RANKINGS if f"`{name}`" not in page} == set()
    # The help does not spell out every ranking that only reverses another.
    named = {name for name, each in RANKINGS.items() if each.about != "its opposite"}
    assert named - words == set()


def test_every_file_that_knows_features_and_blocks_is_on_the_list_for_an_encoding() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = page.split("**A new position encoding.**")[1].split("\n**")[0]
    listed = set(re.findall(r"(\w+\.(?:py|c|h|js))`", section))
    knows = re.compile(
        r"FEATURE_DENSE|DENSE_FEATURE|F_DENSE|\b_?DENSE = |encodings\.DENSE|layout\.BLOCK\b|"
        r"\bBLOCK = 0x03|\"zstd\\?\", \\?\"weights\\?\", \\?\"dense"
    )
    paths = [
        path
        for folder in ("pladafmt", "conformance")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".c", ".h", ".js") and knows.search(path.read_text("utf-8"))
    ]
    assert len(paths) > 20
    assert {str(path.relative_to(ROOT)) for path in paths if path.name not in listed} == set()


def test_every_advice_to_install_names_this_project_and_its_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    found = 0
    for file in (path for path in FILES if path.endswith((".py", ".md", ".toml"))):
        text = Path(file).read_text("utf-8")
        for name, extras in re.findall(r"[\"' ]([\w.]*)\[([a-z]+(?:,[a-z]+)*)\][\"'`,. )]", text):
            if "plada" in name or name == ".":
                found += 1
                assert name in (DISTRIBUTION, "."), f"{file}: {name}[{extras}]"
                assert set(extras.split(",")) <= set(project["optional-dependencies"]), file
    assert found > 15
