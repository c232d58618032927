"""The page of the dashboard tells of today's panels, and shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.chart.dashboard import Panel, panels
from tests.chart.picture import PICTURES, told
from tests.markdown import Document

PAGE = Document(Path(__file__).parents[2] / "docs" / "dashboard.md")
DRAWN = [panel for panel in panels() if panel.answerable]
# So that the page comes at once on a phone too, and the repository stays small.
LARGEST, ALL = 15_000, 150_000


@pytest.mark.parametrize("panel", DRAWN, ids=lambda panel: panel.name)
def test_a_picture_is_of_the_panel_as_it_is_today(panel: Panel) -> None:
    picture = (PICTURES / f"{panel.name}.svg").read_text()
    # Else: make pictures.
    assert told(picture) == (panel.title, panel.queries)
    assert 'class="line reactive nofill"' in picture
    assert len(picture) < LARGEST
    assert "<script" not in picture
    assert re.findall(r"(?:href|src)=|url\(|@import", picture) == []


def test_there_is_no_picture_of_a_former_panel() -> None:
    assert {path.name for path in PICTURES.iterdir()} == {f"{panel.name}.svg" for panel in DRAWN}
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < ALL


def test_each_picture_stands_in_its_section_and_is_described() -> None:
    shown = [
        (row, found[0], found[1])
        for row in dict.fromkeys(panel.row for panel in panels())
        for found in re.findall(r"!\[(.+?)\]\(dashboard/(\S+)\.svg\)", PAGE.section(row))
    ]
    assert [(row, name) for row, _, name in shown] == [(panel.row, panel.name) for panel in DRAWN]
    for (_, description, _), panel in zip(shown, DRAWN, strict=True):
        assert description.startswith(panel.title)


@pytest.mark.parametrize("row", dict.fromkeys(panel.row for panel in panels()))
def test_each_panel_is_told(row: str) -> None:
    rows = PAGE.rows(row, "panel")
    assert [cells[0] for cells in rows] == [panel.title for panel in panels() if panel.row == row]
