"""``python -m tests.chart.pictures``: draws the dashboard's panels for the documents.

What they show is what the panels' queries return about operators that really ran, of which a real
Prometheus knows: see `tests.chart.life`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.chart.dashboard import panels
from tests.chart.life import lived
from tests.chart.picture import PICTURES, drawn

# In seconds: shorter than the span of a rate, so that one thing goes over into the next.
_PAUSE = 2


def main() -> int:
    """Draws all of them, and removes those of panels that are gone."""
    with (
        tempfile.TemporaryDirectory(prefix="s3-resource-operator-life-") as folder,
        lived(Path(folder), pause=_PAUSE) as life,
    ):
        pictures = {
            f"{panel.name}.svg": drawn(panel, life.asked, life.start, life.end)
            for panel in panels()
            if panel.answerable
        }
    PICTURES.mkdir(exist_ok=True)
    for former in PICTURES.iterdir():
        if former.name not in pictures:
            former.unlink()
    for name, picture in pictures.items():
        (PICTURES / name).write_text(picture)
    size = sum(len(picture) for picture in pictures.values())
    print(f"{len(pictures)} panels in docs/{PICTURES.name}, {size / 1000:.0f} KB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
