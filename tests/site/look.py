"""What is wrong with a page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS = (1280, 390)
"""Of a window in CSS pixels: a laptop's, and a phone's."""

# The theme's navigation within a navigation, and its button at each piece of code, which are told
# apart by where they stand.
_LEFT_OUT = ("landmark-unique",)
# Those that another scheme can break.
_OF_COLOURS = ("color-contrast", "link-in-text-block")
_SHOWN = 3
_INDEX = "**/search/search_index.json"
_EMPTY = {
    "config": {"lang": ["en"], "separator": "[\\s]", "pipeline": [], "fields": {}},
    "docs": [],
}
# All pictures, those too that the reader has to scroll to.
_BROKEN = """async () => {
  const images = [...document.images];
  images.forEach(image => { image.loading = "eager" });
  await Promise.all(images.map(image => image.decode().catch(() => {})));
  return images.filter(image => !image.naturalWidth).map(image => image.src);
}"""
_SCROLLED = """() => {
  window.scrollTo(10000, 0);
  const found = Math.max(window.scrollX, document.documentElement.scrollWidth - window.innerWidth);
  window.scrollTo(0, 0);
  return found;
}"""


@dataclass
class Window:
    """A browser's window of one width, which shows the scheme that the system prefers.

    Args:
        context: nothing was chosen in it before.
        site: the address of all that may be asked for.
        searching: whether the search is used. Each page reads the index of all, which costs more
            than the rest of it.
    """

    context: BrowserContext
    site: str
    searching: bool = False
    page: Page = field(init=False)
    _told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        if not self.searching:
            self.page.route(_INDEX, lambda route: route.fulfill(json=_EMPTY))
        self.page.on("console", lambda line: self._console(line.type, line.text))
        self.page.on("pageerror", lambda error: self._told.append(f"error: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("response", lambda answer: self._answered(answer.status, answer.url))

    def problems(self, path: str) -> list[str]:
        """Opens a page and looks at it, at its colours in both schemes.

        Args:
            path: below the site's address.

        Returns:
            What is wrong, a line each.
        """
        self._told.clear()
        self.page.goto(self.site + path, wait_until="load")
        if pixels := self.page.evaluate(_SCROLLED):
            self._told.append(f"scrolls sideways by {pixels} pixels")
        self._told += [f"picture not shown: {url}" for url in self.page.evaluate(_BROKEN)]
        if drawings := self.page.locator("pre.mermaid").count():
            self._told.append(f"{drawings} drawings not rendered")
        off = (*_LEFT_OUT, *_OF_COLOURS)
        self._told += self._violations({"rules": {rule: {"enabled": False} for rule in off}})
        for scheme in SCHEMES:
            # Without a further load: a page follows the system.
            self.page.emulate_media(color_scheme=scheme)
            found = self._violations({"runOnly": list(_OF_COLOURS)})
            self._told += [f"{scheme}: {line}" for line in found]
        return list(self._told)

    def _violations(self, options: dict[str, object]) -> Iterator[str]:
        asked = {"resultTypes": ["violations"], **options}
        for violation in Axe().run(self.page, options=asked).response["violations"]:
            nodes = violation["nodes"]
            yield f"{violation['id']}: {violation['help']} ({len(nodes)})"
            for node in nodes[:_SHOWN]:
                checks = [*node["any"], *node["all"], *node["none"]]
                yield f"  {node['target'][0]}: {checks[0]['message']}"

    def _console(self, kind: str, text: str) -> None:
        # What doesn't come is told by its address.
        if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
            self._told.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.site, "data:")):
            self._told.append(f"asks elsewhere: {url}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400:
            self._told.append(f"not found: {url}")


@contextmanager
def browser(binary: Path) -> Iterator[Browser]:
    """Chromium without a window on the screen."""
    with sync_playwright() as playwright:
        # As root, as in a container, it starts without its sandbox only; it is shown nothing but
        # what is served here.
        running = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


@contextmanager
def window(running: Browser, site: str, width: int, *, searching: bool = False) -> Iterator[Window]:
    """One of a width in CSS pixels."""
    context = running.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    try:
        yield Window(context, site, searching)
    finally:
        context.close()
