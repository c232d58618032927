"""The chart's dashboard: its panels and their queries, as Grafana would send them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chart.rendering import CHART
from tests.servers.prometheus import SCRAPE_SECONDS

DASHBOARD: Mapping[str, Any] = json.loads((CHART / "files" / "dashboard.json").read_text())
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
OF_OTHERS = "kube_secret_labels"
"""What kube-state-metrics has; no other metric here is somebody else's."""

# Grafana never takes less: a rate needs two points, even if one was missed.
_RATE_INTERVAL = f"{4 * SCRAPE_SECONDS}s"


@dataclass(frozen=True)
class Target:
    """One query of a panel.

    Attributes:
        letter: which of the panel's it is.
        expression: PromQL with the dashboard's variables.
        legend: how its series are called: a text, with labels in double braces; `__auto` leaves
            it to Grafana.
    """

    letter: str
    expression: str
    legend: str

    def called(self, labels: Mapping[str, str]) -> str:
        """What the legend says of a series with these labels."""
        if self.legend == "__auto":
            return ", ".join(labels.values())
        return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), self.legend)


@dataclass(frozen=True)
class Panel:
    """What stands under one title.

    Attributes:
        row: the heading above it.
        title: its own.
        description: a sentence about it.
        unit: Grafana's name of it, such as `reqps`.
        words: what stands for a number, such as `down` for 0.
        targets: at least one.
    """

    row: str
    title: str
    description: str
    unit: str
    words: Mapping[float, str]
    targets: Sequence[Target]

    @property
    def queries(self) -> str:
        """All expressions, a line each."""
        return "\n".join(target.expression for target in self.targets)

    @property
    def answerable(self) -> bool:
        """Whether the operator's own metrics are all that it asks for."""
        return OF_OTHERS not in self.queries

    @property
    def name(self) -> str:
        """The title as a file's name."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


def panels() -> list[Panel]:
    """All of them, in the dashboard's order."""
    found, row = [], ""
    for panel in DASHBOARD["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
            continue
        defaults = panel["fieldConfig"]["defaults"]
        words = {
            float(number): option["text"]
            for mapping in defaults.get("mappings", [])
            for number, option in mapping["options"].items()
        }
        targets = [
            Target(target["refId"], target["expr"], target["legendFormat"])
            for target in panel["targets"]
        ]
        found.append(
            Panel(row, panel["title"], panel["description"], defaults["unit"], words, targets)
        )
    return found


def substituted(expression: str, **chosen: str) -> str:
    """An expression as Grafana sends it, with the whole of each variable that isn't chosen."""
    for name, variable in VARIABLES.items():
        if variable["type"] == "query":
            expression = expression.replace(f"${name}", chosen.get(name, variable["allValue"]))
    expression = expression.replace("$__rate_interval", _RATE_INTERVAL)
    assert "$" not in expression
    return expression
