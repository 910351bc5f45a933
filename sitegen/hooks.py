"""What MkDocs calls while it builds the site; `mkdocs.yml` names this file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from sitegen import codes, commands, links, pages, python_api
from sitegen.markdown import for_python_markdown, with_units_kept

MAKE: dict[str, Callable[[], str]] = {
    "commands.md": commands.page,
    "errors.md": codes.page,
    "api/pladafmt.md": lambda: python_api.page("pladafmt"),
    "api/plada_ref.md": lambda: python_api.page("plada_ref"),
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in ``docs/``, and those that are made."""
    for page, source in pages.ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(pages.ROOT / source)))
    for source in pages.DATA:
        name = Path(source).name
        files.append(File.generated(config, name, abs_src_path=str(pages.ROOT / source)))
    for page, make in MAKE.items():
        files.append(File.generated(config, page, content=make()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Make a page's text what Python-Markdown reads as code hosts do, with links to pages."""
    name = page.file.src_uri
    if name in MAKE:
        return markdown
    try:
        return with_units_kept(for_python_markdown(pages.with_links(markdown, name)))
    except FileNotFoundError as error:
        raise PluginError(str(error)) from error


def on_post_build(config: MkDocsConfig) -> None:
    """Fail if the built site has a link that leads nowhere."""
    found = links.broken(Path(config.site_dir))
    if found:
        raise PluginError("links that lead nowhere:\n" + "\n".join(found))
