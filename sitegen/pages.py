"""Which file of the repository is which page of the site, and where links between them lead."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath

from .markdown import in_prose

ROOT = Path(__file__).parents[1]
DOCS = "docs"

ELSEWHERE = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
    "specification.md": "spec/plada-1.md",
    "specification-changes.md": "spec/CHANGELOG.md",
    "errata.md": "spec/errata.md",
    "conformance.md": "conformance/README.md",
    "protocol.md": "conformance/PROTOCOL.md",
    "c.md": "conformance/clients/c/README.md",
    "javascript.md": "conformance/clients/javascript/README.md",
    "rust.md": "conformance/clients/rust/README.md",
    "recipes.md": "recipes/README.md",
}
"""Pages that lie outside of ``docs/``: the page, and the file in the repository."""

MADE_OF = {
    "commands.md": "plada_ref/cli.py",
    "errors.md": "sitegen/remedies.toml",
    "api/pladafmt.md": "pladafmt/__init__.py",
    "api/plada_ref.md": "plada_ref/__init__.py",
}
"""Pages that are made, and the file of the repository to which a link to them leads there."""

DATA = ("spec/codes.json", "spec/requirements.json")
"""Files that the site offers as they are, under their base names."""

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)")


def source_of(page: str) -> str:
    """The file of the repository that a page shows."""
    return ELSEWHERE.get(page, f"{DOCS}/{page}")


def with_links(text: str, page: str, root: Path = ROOT) -> str:
    """Lead the links of a page to pages of the site.

    Pages link to files of the repository, as its readers need. What is a page becomes a link to
    that page. What is on no page, such as a source file, keeps its words and loses the link.

    Raises:
        FileNotFoundError: a link names a file that the repository does not have.
    """
    folder = posixpath.dirname(source_of(page))

    def lead(match: re.Match[str]) -> str:
        target, mark, anchor = match["target"].partition("#")
        if not target or re.match(r"[a-z][a-z0-9+.-]*:", target):
            return match[0]
        named = posixpath.normpath(posixpath.join(folder, target))
        if not (root / named).exists():
            raise FileNotFoundError(f"{source_of(page)} links to {named}, which does not exist")
        found = page_of(named)
        if found is None:
            return match["text"]
        here = posixpath.relpath(found, posixpath.dirname(page) or ".")
        return f"{match['image']}[{match['text']}]({here}{mark}{anchor})"

    return in_prose(text, lambda prose: _LINK.sub(lead, prose))


def page_of(source: str) -> str | None:
    """The page, or the file of the site, that shows a file of the repository."""
    for page, elsewhere in (ELSEWHERE | MADE_OF).items():
        if source == elsewhere:
            return page
    if source in DATA:
        return PurePosixPath(source).name
    if source.startswith(f"{DOCS}/"):
        return source.removeprefix(f"{DOCS}/")
    return None
