"""The look at a page finds what it is for, on pages with one fault each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.site.__main__ import find_browser
from tests.site.look import Window, browser, window
from tests.site.published import NAME, serving

pytestmark = pytest.mark.server

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>@media (prefers-color-scheme: dark) {{ body {{ background: #111; color: #eee }} }}</style>
</head><body><main><h1>A page</h1>{}</main></body></html>"""

FAULTS = {
    "wide": ('<div style="width: 50em">wide</div>', "scrolls sideways by "),
    "picture": ('<img alt="none" src="none.png">', "picture not shown: "),
    "gone": ('<img alt="none" src="none.png">', "not found: "),
    "elsewhere": ('<script src="http://127.0.0.1:9/x.js"></script>', "asks elsewhere: "),
    "console": ("<script>console.error('told')</script>", "error: told"),
    "thrown": ("<script>throw new Error('thrown')</script>", "error: thrown"),
    "drawing": ('<pre class="mermaid">flowchart LR</pre>', "1 drawings not rendered"),
    "pale": ('<p style="background: #fff; color: #999">pale</p>', "light: color-contrast: "),
    "pale-at-night": ('<p style="color: #000">pale</p>', "dark: color-contrast: "),
    "unlabelled": ("<input>", "label: "),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    binary = find_browser()
    if binary is None:
        pytest.skip("there is no Chromium: install one, or set CHROMIUM_BIN")
    folder = tmp_path_factory.mktemp("site")
    (folder / NAME).mkdir()
    for name, (fault, _) in {**FAULTS, "fine": ("<p>fine</p>", "")}.items():
        (folder / NAME / f"{name}.html").write_text(_PAGE.format(fault))
    with serving(folder) as site, browser(binary) as running, window(running, site, 390) as found:
        yield found


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told(shown: Window, name: str) -> None:
    told = shown.problems(f"/{name}.html")
    assert any(line.startswith(FAULTS[name][1]) for line in told), told


def test_of_a_page_without_a_fault_nothing_is_told(shown: Window) -> None:
    assert shown.problems("/fine.html") == []


def test_what_is_missing_is_found_out_from_its_place(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "404.html").write_text("not here")
    with serving(tmp_path) as site:
        answer = urllib3.request("GET", f"{site}/no/such/page")
    assert (answer.status, answer.data) == (404, b"not here")
