"""Publishing the documents, into a repository of the test's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.site.published import NAME, Publisher

# Each builds the site some times over.
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    publisher = Publisher(folder)
    # The next minor version, one that is none yet, and the former one mended later.
    for tag in ("0.9.0", "0.10.0", "0.11.0-rc.1", "0.9.1"):
        publisher.publish(tag)
    publisher.export(folder / "served")
    return folder / "served" / NAME


def test_each_minor_version_has_its_pages(site: Path) -> None:
    versions = json.loads((site / "versions.json").read_text())
    assert [version["version"] for version in versions] == ["0.10", "0.9"]
    for version in ("0.10", "0.9"):
        assert (site / version / "install" / "index.html").is_file()


def test_the_newest_version_is_the_latest_whatever_is_published_after_it(site: Path) -> None:
    versions = json.loads((site / "versions.json").read_text())
    assert {version["version"]: version["aliases"] for version in versions} == {
        "0.10": ["latest"],
        "0.9": [],
    }
    assert (site / "latest").readlink() == Path("0.10")


def test_the_root_leads_to_the_latest_version(site: Path) -> None:
    assert 'url=latest/"' in (site / "index.html").read_text()


def test_what_is_not_found_has_a_page_with_the_site_s_own_files(site: Path) -> None:
    page = (site / "404.html").read_text()
    assert f'href="/{NAME}/latest/assets/stylesheets/' in page


def test_search_engines_are_shown_the_latest_version(site: Path) -> None:
    page = (site / "0.9" / "install" / "index.html").read_text()
    assert f'<link rel="canonical" href="https://{NAME}.github.io/{NAME}/latest/install/">' in page
