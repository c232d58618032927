"""A panel of the dashboard as a picture: what its queries return, drawn by pygal.

It is no picture of Grafana, which shows the same numbers in its own way.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pygal
from pygal.style import Style

from tests.chart.dashboard import Panel, substituted
from tests.servers.prometheus import SCRAPE_SECONDS, Series

# Its finder of plug-ins, of which there are none here, is of a kind that Python warns of.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

Answers = Callable[[str], Sequence[Series]]
"""What is returned for an expression, as Prometheus takes it."""

PICTURES = Path(__file__).parents[2] / "docs" / "dashboard"
"""The folder of those that the documents show, by `Panel.name`."""

_WIDTH = 340
# In CSS pixels. Two stand side by side on a laptop, one fills a phone's width.
_HEIGHT, _LINE = 180, 17
_COLUMNS, _MARGIN = 2, 8
# Of a name in the legend that stands beside another.
_SHORT = 22
_FONTS = Style(
    font_family="system-ui, sans-serif",
    title_font_size=14,
    legend_font_size=11,
    label_font_size=10,
    major_label_font_size=10,
)
_CSS = Path(__file__).with_suffix(".css")
_SVG = "http://www.w3.org/2000/svg"
_FRACTION = re.compile(r"(\.\d)\d+")


def drawn(panel: Panel, answers: Answers, start: float, end: float) -> str:
    """An SVG of what the panel's queries return, over the seconds from `start` to `end`.

    The queries, as the dashboard has them, stand in it as its description. A line that stays at
    zero all the time is left out, where there are others.

    Raises:
        ValueError: none of them returns anything.
    """
    lines = list(_lines(panel, answers, start))
    if not lines:
        raise ValueError(f"{panel.title}: nothing is returned")
    moving = [(name, points) for name, points in lines if any(value for _, value in points)]
    lines = moving or lines
    peak = max(value for _, points in lines for _, value in points if value is not None)
    columns = _COLUMNS if all(len(name) <= _SHORT for name, _ in lines) else 1
    chart = pygal.XY(
        title=panel.title,
        width=_WIDTH,
        height=_HEIGHT + _LINE * -(-len(lines) // columns),
        css=[f"file://{_CSS}"],
        style=_FONTS,
        range=(0, peak * 1.05 or 1),
        value_formatter=_formatter(panel.unit),
        y_labels=[{"value": value, "label": word} for value, word in panel.words.items()] or None,
        # Half a replica is none.
        order_min=0 if panel.unit == "short" else None,
        xrange=(0, end - start),
        x_value_formatter=lambda seconds: f"{seconds:g} s",
        show_legend=[name for name, _ in lines] != [panel.title],
        legend_at_bottom=True,
        legend_at_bottom_columns=columns,
        legend_box_size=9,
        truncate_legend=60,
        show_dots=False,
        allow_interruptions=True,
        min_scale=2,
        max_scale=4,
        margin=_MARGIN,
        # pygal leaves no room for a line of the legend that isn't full.
        margin_bottom=_MARGIN + (_LINE if len(lines) % columns else 0),
        spacing=6,
        explicit_size=True,
    )
    # Else it is another each time.
    chart.uuid = panel.name
    for name, points in lines:
        chart.add(name, points)
    return _plain(ElementTree.fromstring(chart.render()), panel)  # noqa: S314 - just made


def told(picture: str) -> tuple[str, str]:
    """Which title and which queries a picture is of."""
    root = ElementTree.fromstring(picture)  # noqa: S314 - of this repository
    title, queries = (root.findtext(f"{{{_SVG}}}{name}") for name in ("title", "desc"))
    return title or "", queries or ""


def _lines(
    panel: Panel, answers: Answers, start: float
) -> Iterator[tuple[str, list[tuple[float, float | None]]]]:
    """Each series by its name in the legend; None where it has a gap."""
    for target in panel.targets:
        found = [
            (target.called(series.labels) or panel.title, series)
            for series in answers(substituted(target.expression))
        ]
        for name, series in sorted(found, key=lambda pair: pair[0]):
            points: list[tuple[float, float | None]] = []
            last = None
            for time, value in zip(series.times, series.values, strict=True):
                if last is not None and time > last + 1.5 * SCRAPE_SECONDS:
                    points.append((last - start, None))
                points.append((round(time - start, 1), value))
                last = time
            yield name, points


def _formatter(unit: str) -> Callable[[float], str]:
    """How a number on the vertical axis is written, by Grafana's name of its unit."""
    factor, written = {
        "s": (1e3, " ms"),
        "bytes": (1e-6, " MB"),
        "percentunit": (1e2, " %"),
        "ops": (1, "/s"),
        "reqps": (1, "/s"),
        "short": (1, ""),
    }[unit]
    return lambda value: f"{value * factor:g}{written}"


def _plain(root: ElementTree.Element, panel: Panel) -> str:
    """Without scripts, and with no more digits than a screen can show."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}script":
                parent.remove(child)
    for element in root.iter():
        for name in ("d", "x", "y", "width", "height", "transform"):
            if name in element.attrib:
                element.set(name, _FRACTION.sub(r"\1", element.attrib[name]))
    queries = ElementTree.Element(f"{{{_SVG}}}desc")
    queries.text = panel.queries
    root.insert(1, queries)
    ElementTree.register_namespace("", _SVG)
    ElementTree.indent(root, "")
    return ElementTree.tostring(root, encoding="unicode") + "\n"
