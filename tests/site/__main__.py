"""``python -m tests.site``: looks at every page of the documents in a real browser.

The pages are published as a release does, and looked at in a laptop's window and a phone's, light
and dark. The exit code is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error

from tests.site.look import SCHEMES, WIDTHS, browser, window
from tests.site.published import Publisher, pages, serving
from tests.site.stories import STORIES

_TOLD = 4
VERSIONS = ("0.1.0", "0.2.0")
_PROGRAMS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")


def find_browser() -> Path | None:
    """CHROMIUM_BIN, or the Chromium or Chrome that is on PATH."""
    named = (os.environ.get("CHROMIUM_BIN"), *_PROGRAMS)
    found = next(filter(None, (shutil.which(name) for name in named if name)), None)
    return Path(found) if found else None


def problems(running: Browser, site: str, paths: list[str]) -> Iterator[str]:
    """What is wrong with any page, in any of the windows."""
    for width in WIDTHS:
        with window(running, site, width) as shown:
            for path in paths:
                for problem in shown.problems(path):
                    yield f"{width} {path}: {problem}"


def main(arguments: list[str] | None = None) -> int:
    """Looks, and tells what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.site", description=__doc__)
    parser.add_argument("page", nargs="*", help="only these, such as /latest/faq/")
    parser.add_argument("--pictures", type=Path, help="a folder for what each window shows")
    parser.add_argument("--unchecked", action="store_true", help="nothing but the pictures")
    options = parser.parse_args(arguments)
    binary = find_browser()
    if binary is None:
        print("There is no Chromium: install one, or set CHROMIUM_BIN.")
        return 1
    started, wrong = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="s3-resource-operator-site-") as folder:
        publisher = Publisher(Path(folder))
        for tag in VERSIONS:
            publisher.publish(tag)
        served = Path(folder) / "served"
        publisher.export(served)
        paths = options.page or [*pages(served, "latest"), "/404.html"]
        with serving(served) as site, browser(binary) as running:
            if options.pictures:
                pictures(running, site, paths, options.pictures)
            if options.unchecked:
                return 0
            for problem in problems(running, site, paths):
                wrong += 1
                print(problem, flush=True)
            for story in STORIES:
                with window(running, site, WIDTHS[0], searching=True) as shown:
                    try:
                        story(shown.page, site)
                    except (AssertionError, Error) as error:
                        wrong += 1
                        # What follows is all that the page holds.
                        told = " ".join(str(error).splitlines()[:_TOLD])
                        print(f"{story.__name__}: {told}", flush=True)
    seconds = time.monotonic() - started
    print(
        f"{len(paths)} pages, {len(WIDTHS)} widths, light and dark, {len(STORIES)} stories: "
        f"{wrong} wrong, {seconds:.0f} s"
    )
    return 1 if wrong else 0


def pictures(running: Browser, site: str, paths: list[str], folder: Path) -> None:
    """Saves what the windows show."""
    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        with window(running, site, width) as shown:
            for path, scheme in itertools.product(paths, SCHEMES):
                shown.page.emulate_media(color_scheme=scheme)
                shown.page.goto(site + path, wait_until="load")
                name = path.strip("/").replace("/", "-")
                shown.page.screenshot(path=folder / f"{name}-{width}-{scheme}.png")


if __name__ == "__main__":
    raise SystemExit(main())
