"""The documents as a site: what MkDocs can't know by itself.

MkDocs calls the first functions below, see `mkdocs.yml`. Pages that stand outside the folder of the
documents become pages of the site, and links read as on GitHub: to a page, or to a file of the
repository that is none.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
ELSEWHERE: Mapping[str, str] = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "vulnerabilities.md",
    "helm/README.md": "chart.md",
}
"""Pages of the site that are files outside `docs`, by their places in the repository."""

ICON = "helm/icon.svg"
# What is read once, and long: what answers a question comes before it in the search.
_FOUND_LAST = ("lab/", "changelog.md", "contributing.md")
# A table of many columns, and two headings: the list of these would take its room.
_WIDE = "stores/"
_BRANCH = "main"
# What the theme's markup lacks for those who hear a page.
_MARKUP = (
    ('role="dialog"', 'role="dialog" aria-label="Search"'),
    ("<th></th>", "<td></td>"),
)
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]*)(#[^)\s]*)?(?=\))")
_FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Mends the address of a version, which mike leaves like a file's: without a slash."""
    config.site_url = f"{str(config.site_url).rstrip('/')}/"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that stand elsewhere."""
    for place, page in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / place).read_text()))
    icon = (ROOT / ICON).read_text()
    files.append(File.generated(config, "assets/icon.svg", content=icon))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A page whose links lead to where they lead on GitHub."""
    uri = page.file.src_uri
    if uri.startswith(_FOUND_LAST):
        # As the theme's search reads it, which would else stand above the text on GitHub.
        page.meta["search"] = {"boost": 0.2}
    if uri.startswith(_WIDE):
        page.meta["hide"] = ["toc"]
    place = {found: here for here, found in ELSEWHERE.items()}.get(uri, f"docs/{uri}")
    return relinked(markdown, place, uri, str(config.repo_url))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """A page's markup as screen readers need it."""
    return _completed(output)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same of the page for what is not found."""
    if template_name != "404.html":
        return output_content
    # With no page open, nothing in its navigation can be reached by the keyboard.
    sidebar = 'class="md-sidebar__scrollwrap"'
    return _completed(output_content.replace(sidebar, f'{sidebar} tabindex="0"'))


def _completed(html: str) -> str:
    for found, replacement in _MARKUP:
        html = html.replace(found, replacement)
    return html


def relinked(markdown: str, place: str, uri: str, repository: str) -> str:
    """A page's text with its links as the site needs them.

    Args:
        markdown: the text.
        place: where it stands in the repository.
        uri: where it stands in the site's sources.
        repository: the repository's address, for files that are no page.
    """

    def target(found: re.Match[str]) -> str:
        path, anchor = found[1], found[2] or ""
        if not path:
            return found[0]
        there = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        page = ELSEWHERE.get(there)
        if page is None and there.startswith("docs/") and (ROOT / there).is_file():
            page = there.removeprefix("docs/")
        if page is not None:
            return posixpath.relpath(page, posixpath.dirname(uri) or ".") + anchor
        kind = "tree" if (ROOT / there).is_dir() else "blob"
        return f"{repository}/{kind}/{_BRANCH}/{there}{anchor}"

    parts, at = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(target, markdown[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*parts, _LINK.sub(target, markdown[at:])])
