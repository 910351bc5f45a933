"""The documentation site: nothing is left out of it, and nothing on it leads nowhere."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sitegen import codes, commands, links, markdown, pages, python_api
from tests.unchanged.flags import flags

ROOT = Path(__file__).parents[1]
DOCS = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
PAGES = DOCS | pages.ELSEWHERE.keys() | pages.MADE_OF.keys()


def test_the_navigation_names_every_page_once() -> None:
    nav = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    named = re.findall(r"([\w/-]+\.md)$", nav, re.MULTILINE)
    assert sorted(named) == sorted(PAGES), "mkdocs.yml, nav"


@pytest.mark.parametrize("page", sorted(DOCS | pages.ELSEWHERE.keys()))
def test_every_link_of_a_page_leads_to_a_file(page: str) -> None:
    pages.with_links((ROOT / pages.source_of(page)).read_text("utf-8"), page)


def test_links_lead_to_pages_and_lose_what_is_on_none() -> None:
    text = "[a](../spec/plada-1.md#4-container) [b](../pladafmt/crc.py) ![c](report.png) [d](x:y)"
    assert pages.with_links(text, "scale.md") == (
        "[a](specification.md#4-container) b ![c](report.png) [d](x:y)\n"
    )
    assert pages.with_links("[a](docs/rules.md)", "contributing.md") == "[a](rules.md)\n"
    assert pages.with_links("```\n[a](nothing.md)\n```", "scale.md").count("nothing.md") == 1
    with pytest.raises(FileNotFoundError, match=r"docs/scale.md links to docs/nothing.md"):
        pages.with_links("[a](nothing.md)", "scale.md")


def test_lists_and_tables_begin_below_text_and_comments() -> None:
    text = "**New**\n1. one\n   more\n2. two\n<!-- begin -->\n| a |\n\n```\nb\n- c\n```\n"
    assert markdown.for_python_markdown(text) == (
        "**New**\n\n1. one\n   more\n2. two\n<!-- begin -->\n\n| a |\n\n```\nb\n- c\n```\n"
    )
    assert markdown.for_python_markdown("steps of\n128. From\n") == "steps of\n128. From\n"


def test_numbers_stay_with_their_units() -> None:
    text = "# 2 MB\n2 MB, 93 %, 1.5 ± 0.2, 3 sets, `2 MB`\n"
    assert markdown.with_units_kept(text).split("\n")[1] == (
        "2\u00a0MB, 93\u00a0%, 1.5\u00a0±\u00a00.2, 3 sets, `2 MB`"
    )
    assert markdown.with_units_kept(text).startswith("# 2 MB\n")


def test_every_error_code_has_a_remedy() -> None:
    classes, found = codes.checks()
    advice = codes.remedies()
    assert advice["codes"].keys() == found.keys()
    assert advice["classes"].keys() == classes.keys() | {"unwritable"}
    page = codes.page()
    assert {code for code in found if f"\n### `{code}`\n" not in page} == set()


def test_the_reference_has_every_command_and_option() -> None:
    sections = dict(re.findall(r"^## (plada .*)\n([^\0]*?)(?=^## |\Z)", commands.page(), re.M))
    recorded = flags()
    assert sections.keys() == recorded.keys()
    for name, parameters in recorded.items():
        for parameter in parameters:
            for spelling in parameter.split(" "):
                wanted = rf"`{re.escape(spelling.strip('[]'))}[ `]"
                assert re.search(wanted, sections[name]), (name, spelling)


@pytest.mark.parametrize("page", sorted(DOCS | {"index.md"}))
def test_commands_that_a_page_shows_exist(page: str) -> None:
    known = {name: set(" ".join(parameters).split()) for name, parameters in flags().items()}
    for words in _shown((ROOT / pages.source_of(page)).read_text("utf-8")):
        name = next((name for name in (" ".join(words[:n]) for n in (3, 2)) if name in known), "")
        assert name, words
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert given - known[name] - {"--help"} == set(), words


def _shown(text: str) -> list[list[str]]:
    """The words of each command `plada ...` in the fenced blocks of a page."""
    found = []
    for block in re.findall(r"^```(?:console)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if match := re.search(r"(?:^|[ $])(plada (?!_|-).*)", line.partition(" #")[0]):
                found.append(shlex.split(match[1]))
    return found


def test_help_cannot_become_html() -> None:
    assert commands._escaped("`<a>` <b> [c] --by") == "`<a>` &lt;b> \\[c] `--by`"


def test_every_public_name_is_on_a_page() -> None:
    import plada_ref
    import pladafmt

    for package in (pladafmt, plada_ref):
        page = python_api.page(package.__name__)
        for name in package.__all__:
            assert name.startswith("_") or f"        - {name}\n" in page


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.html").write_text('<a href="b/#here"></a><a href="https://x.org/y"></a>')
    (tmp_path / "b" / "index.html").write_text('<p id="here"><a href="../a.html"></a><img src="c">')
    assert links.broken(tmp_path) == ["b/index.html: c"]
    (tmp_path / "b" / "index.html").write_text('<a href="#there">')
    assert links.broken(tmp_path) == ["a.html: b/#here", "b/index.html: #there"]


def test_the_readme_can_be_read_in_minutes() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 1000


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("material") is None
    or importlib.util.find_spec("mkdocstrings") is None,
    reason="the packages of the extra docs are not installed; make docs builds the site",
)
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "specification" / "index.html").is_file()
