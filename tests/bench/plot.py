"""The cost of one Secret against the number of Secrets, as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import pygal
from pygal.style import CleanStyle

from tests.bench.figures import Figures

_KINDS = ("new", "unchanged", "rotated")
_PATHS = ("bare loop", "hook alone, 10 ")


def cost_per_secret(figures: Sequence[Figures]) -> bytes:
    """An SVG: milliseconds a Secret, for the floor and for the hook alone with ten callers."""
    chart = pygal.XY(
        title="Milliseconds per Secret against the number of Secrets, both logarithmic",
        x_title="Secrets",
        y_title="ms per Secret",
        logarithmic=True,
        xrange=(10, 20_000),
        style=CleanStyle,
        legend_at_bottom=True,
        # No script and no font from anywhere.
        js=[],
    )
    for kind in _KINDS:
        for path in _PATHS:
            points = {
                row.secrets: row.seconds * 1000 / row.secrets
                for row in figures
                if row.kind == kind and row.path.startswith(path)
            }
            if points:
                chart.add(f"{kind}, {path.strip(', 10')}", sorted(points.items()))
    picture: bytes = chart.render()
    return picture
