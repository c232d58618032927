"""The documents' site: all pages are in it, and every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents.site import ELSEWHERE, relinked
from tests.tools import script, unmeasured

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://example.org/repository"
PAGES = sorted(
    {*ELSEWHERE, *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))}
)


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml without what its tags would import."""


for _tag in ("name:", "object/apply:"):
    _Loader.add_multi_constructor(
        f"tag:yaml.org,2002:python/{_tag}", lambda loader, suffix, node: suffix
    )


def configuration() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader=_Loader)  # noqa: S506
    return loaded


def navigated() -> list[str]:
    """The pages of the navigation, in its order."""

    def pages(entries: list[Any]) -> Iterator[str]:
        for entry in entries:
            if isinstance(entry, str):
                yield entry
            else:
                for inner in entry.values():
                    yield from pages(inner)

    return list(pages(configuration()["nav"]))


def test_the_reader_has_three_ways_in() -> None:
    ways = [way for entry in configuration()["nav"] for way in entry]
    assert ways == ["Try it", "Run it", "Understand it"]
    assert len(navigated()) == len(set(navigated()))


@pytest.mark.parametrize(
    ("text", "place", "uri", "expected"),
    [
        ("[a](docs/faq.md#b)", "README.md", "index.md", "[a](faq.md#b)"),
        ("[a](../README.md)", "docs/faq.md", "faq.md", "[a](index.md)"),
        ("[a](../../CONTRIBUTING.md#b)", "docs/lab/x.md", "lab/x.md", "[a](../contributing.md#b)"),
        ("[a](#b)", "docs/faq.md", "faq.md", "[a](#b)"),
        ("[a](https://example.com/x.md)", "docs/faq.md", "faq.md", "[a](https://example.com/x.md)"),
        ("```\n[a](x.md)\n```", "docs/faq.md", "faq.md", "```\n[a](x.md)\n```"),
        (
            "[a](../manifests/examples/cnpg.yaml)",
            "docs/faq.md",
            "faq.md",
            f"[a]({REPOSITORY}/blob/main/manifests/examples/cnpg.yaml)",
        ),
        (
            "[a](../manifests/examples)",
            "docs/faq.md",
            "faq.md",
            f"[a]({REPOSITORY}/tree/main/manifests/examples)",
        ),
    ],
)
def test_a_link_leads_where_it_leads_in_the_repository(
    text: str, place: str, uri: str, expected: str
) -> None:
    assert relinked(text, place, uri, REPOSITORY) == expected


@pytest.mark.long
def test_the_site_is_built_and_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    # Strict: a link, an anchor or a page that leads nowhere is an error.
    done = subprocess.run(  # noqa: S603
        [script("mkdocs"), "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**unmeasured(), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    home = (tmp_path / "index.html").read_text()
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="?(https?://[^" >]+)', home)
    own = configuration()["site_url"]
    assert {url for url in loaded if not url.startswith(own)} == set()
    for page in tmp_path.rglob("*.html"):
        text = page.read_text()
        # For these, the theme's script asks GitHub's API, and a CDN for the program that draws.
        assert 'data-md-component="source"' not in text, page
        assert 'class="mermaid"' not in text, page
    assert all((tmp_path / page).with_suffix("").exists() for page in ("faq.md", "chart.md"))
    assert set(ELSEWHERE.values()) <= set(navigated())


@pytest.mark.parametrize("page", PAGES)
def test_what_belongs_to_a_list_is_indented_as_the_site_needs_it(page: str) -> None:
    """GitHub takes two or three spaces too, with which the site ends the list."""
    text = re.sub(r"^( *)```.*?^\1```$", r"\1-", (ROOT / page).read_text(), flags=re.M | re.S)
    assert re.findall(r"\n\n {1,3}\S.*|\n {1,3}(?:[-*]|\d+\.) .*", text) == []
    # Right after a block, a further item is taken for a text.
    assert re.findall(r"\n {4}-\n(?:[-*]|\d+\.) .*", text) == []
